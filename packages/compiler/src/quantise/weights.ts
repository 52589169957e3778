// Weights as integers, symmetric, with one scale for each output channel.

import { allocate, type ConstantNode, type Tensor } from '@espalier/ir';
import type { Code } from './codes.ts';

/** The greatest magnitude of a weight. */
const greatest = 127;

/** Biases stay below this, far from where sums of products would overflow. */
const greatestBias = 2 ** 28;

/** Integer weights, and what a sum of theirs with codes stands for. */
export interface IntegerLayer {
  /** i32, in the shape of the weights. */
  readonly weights: Tensor;
  /** i32 `[O]`. */
  readonly bias: Tensor;
  /** f32 `[O]`: the value of 1 in a sum. */
  readonly scales: Float32Array;
}

/** The integers nearest to a layer of weights `[O, …]` and bias `[O]` over inputs of the given code. */
export function integerLayer(w: ConstantNode, bias: ConstantNode, input: Code): IntegerLayer {
  const { shape } = w.type;
  const outputs = shape[0]!;
  const perOutput = w.value.data.length / outputs;
  const weights = allocate({ dtype: 'i32', shape });
  const biases = allocate({ dtype: 'i32', shape: [outputs] });
  const scales = new Float32Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const row = w.value.data.subarray(output * perOutput, (output + 1) * perOutput);
    let largest = 0;
    for (const weight of row) largest = Math.max(largest, Math.abs(weight));
    const least = Math.abs(bias.value.data[output]!) / (input.scale * greatestBias);
    const scale = Math.max(largest / greatest, least) || 1;
    row.forEach((weight, i) => {
      weights[output * perOutput + i] = Math.round(weight / scale);
    });
    biases[output] = Math.round(bias.value.data[output]! / (input.scale * scale));
    scales[output] = input.scale * scale;
  }
  return {
    weights: { type: { dtype: 'i32', shape }, data: weights },
    bias: { type: { dtype: 'i32', shape: [outputs] }, data: biases },
    scales,
  };
}
