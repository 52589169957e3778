// Weights as integers, symmetric, with one scale for each output channel.

import { allocate, type Tensor } from '@espalier/ir';
import type { Code } from './codes.ts';

/** The greatest magnitude of a weight. */
const greatest = 127;

/** Biases stay below this, far from where sums of products would overflow. */
const greatestBias = 2 ** 28;

/** Integer weights, and what a sum of theirs with codes stands for. */
export interface IntegerLayer {
  /** i32, in the shape of the weights. */
  readonly weights: Tensor;
  /** The bias of each output, in units of its scale; not rounded. */
  readonly bias: readonly number[];
  /** The value of 1 in the sums of each output. */
  readonly scales: readonly number[];
}

/**
 * The integers nearest to a layer's weights `[O, I, …]` and bias `[O]`. Scales that differ between channels of
 * the input are multiplied into the weights first.
 */
export function integerLayer(
  w: Tensor,
  bias: Tensor,
  groups: number,
  input: Code,
  means: readonly number[],
): IntegerLayer {
  const { shape } = w.type;
  const [outputs, inputs] = shape as [number, number];
  const perOutput = w.data.length / outputs;
  const taps = perOutput / inputs;
  const data = allocate({ dtype: 'i32', shape });
  const biases: number[] = [];
  const scales: number[] = [];
  const row = new Float64Array(perOutput);
  for (let output = 0; output < outputs; output++) {
    const firstChannel = Math.floor(output / (outputs / groups)) * inputs;
    let largest = 0;
    for (let i = 0; i < perOutput; i++) {
      const channel = firstChannel + Math.floor(i / taps);
      row[i] = w.data[output * perOutput + i]! * input.scales[channel % input.scales.length]!;
      largest = Math.max(largest, Math.abs(row[i]!));
    }
    const own = bias.data[output]!;
    const scale = Math.max(largest / greatest, Math.abs(own) / greatestBias) || 1;
    let shift = 0;
    for (let i = 0; i < perOutput; i++) {
      const weight = Math.round(row[i]! / scale);
      data[output * perOutput + i] = weight;
      const channel = firstChannel + Math.floor(i / taps);
      const mean = means[channel % means.length]! / input.scales[channel % input.scales.length]!;
      shift += (weight - row[i]! / scale) * mean;
    }
    // Without what the rounding of weights adds on average.
    biases.push(own / scale - shift);
    scales.push(scale);
  }
  return { weights: { type: { dtype: 'i32', shape }, data }, bias: biases, scales };
}
