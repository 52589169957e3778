// Codes of 8 bits as TensorFlow's family has them: one scale and zero for activations, a scale an output for weights.

import type { WrittenTensor } from '../../../test/support/write-tflite.ts';
import type { PeerTensor } from './peer-graph.ts';
import type { Range } from './ranges.ts';

/** Code `q` stands for `scale · (q − zero)`. */
export interface Codes {
  readonly scale: number;
  readonly zero: number;
}

const [lowest, highest] = [-128, 127];

/** Codes that reach a range, and zero, which paddings need. */
export function codesFor([least, greatest]: Range): Codes {
  const from = Math.min(0, least);
  const scale = (Math.max(0, greatest) - from) / (highest - lowest) || 1;
  return { scale, zero: Math.round(lowest - from / scale) };
}

/** A tensor of codes; a constant has its nearest ones. */
export function coded({ shape, data }: PeerTensor, { scale, zero }: Codes): WrittenTensor {
  const nearest = (value: number) =>
    Math.max(lowest, Math.min(highest, Math.round(value / scale + zero)));
  return {
    shape,
    type: 'i8',
    scales: [scale],
    zeros: [zero],
    ...(data && { data: Int8Array.from(data, nearest) }),
  };
}

/**
 * Weights in 8 bits, and a bias in 32 that counts as their sums do.
 *
 * @param axis The axis of the outputs.
 * @param x What the weights are multiplied by.
 */
export function codedLayer(
  weights: PeerTensor,
  bias: PeerTensor,
  axis: number,
  x: Codes,
): readonly [WrittenTensor, WrittenTensor] {
  const { shape, data } = weights;
  if (!data || !bias.data) throw new Error('no conversion to eight bits of computed weights');
  const sums = bias.data;
  const inner = shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  const outputOf = (index: number) => Math.floor(index / inner) % shape[axis]!;
  const largest = new Float64Array(shape[axis]!);
  data.forEach((weight, i) => {
    const output = outputOf(i);
    largest[output] = Math.max(largest[output]!, Math.abs(weight));
  });
  // Counted in weights that are next to nothing, a bias would not fit into 32 bits.
  const scales = Array.from(
    largest,
    (most, o) => Math.max(most / highest, Math.abs(sums[o]!) / (x.scale * 2 ** 30)) || 1,
  );
  const ofSums = scales.map((scale) => scale * x.scale);
  const codes = Int8Array.from(data, (weight, i) => Math.round(weight / scales[outputOf(i)]!));
  const whole = Int32Array.from(sums, (value, o) => Math.round(value / ofSums[o]!));
  return [
    { shape, type: 'i8', data: codes, scales, axis },
    { shape: bias.shape, type: 'i32', data: whole, scales: ofSums },
  ];
}
