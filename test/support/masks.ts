// Weights with zeros in awkward places.

import { type Builder, type Node, randomTensor, type Tensor } from '@espalier/ir';

/** Says which weights `[o, i, r, s]` stay. */
export type Keep = (o: number, i: number, r: number, s: number) => boolean;

/** A pseudo-random number in [0, 1) of a place: the same in every run. */
function chance(...place: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const part of place) {
    hash = Math.imul(hash ^ (part + 0x7f4a7c15), 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return (Math.imul(hash, 0xc2b2ae35) >>> 0) / 2 ** 32;
}

/** Random weights, those not kept set to zero. */
export function maskedWeights(shape: readonly number[], keep: Keep, seed = 5): Tensor {
  return withZeros(randomTensor({ dtype: 'f32', shape }, seed), keep);
}

/** Weights, those not kept set to zero. */
export function withZeros(tensor: Tensor, keep: Keep): Tensor {
  const [, inputs = 1, rows = 1, columns = 1] = tensor.type.shape;
  const data = tensor.data.map((value, at) => {
    const column = at % columns;
    const row = Math.floor(at / columns) % rows;
    const input = Math.floor(at / (columns * rows)) % inputs;
    return keep(Math.floor(at / (columns * rows * inputs)), input, row, column) ? value : 0;
  });
  return { type: tensor.type, data };
}

/** Masks in blocks of `height` outputs; by whole kernels, or by single taps. */
export const masks = (height: number, byKernel: boolean): Readonly<Record<string, Keep>> => {
  const block = (o: number) => Math.floor(o / height);
  const draw: (...place: Parameters<Keep>) => number = (o, i, r, s) =>
    byKernel ? chance(block(o), i) : chance(block(o), i, r, s);
  return {
    'a half': (...at) => draw(...at) < 0.5,
    'a tenth': (...at) => draw(...at) < 0.1,
    'every other block empty': (...at) => block(at[0]) % 2 === 0 && draw(...at) < 0.5,
    'one block full, the others nearly empty': (...at) => block(at[0]) === 0 || draw(...at) < 0.05,
    'one tap': (o, i, r, s) => o === 3 && i === 2 && r === 0 && s === 0,
    'nothing at all': () => false,
    'ten times as many in the last block': (...at) =>
      draw(...at) < (block(at[0]) === 1 ? 0.9 : 0.09),
  };
};

/** A constant with a mask. */
export const masked = (b: Builder, shape: readonly number[], keep: Keep): Node =>
  b.constant(maskedWeights(shape, keep), 'w');
