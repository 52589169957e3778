// How schemes see weights: filters × channels × kernel positions, whatever the layer.

import type { Shape } from '@espalier/ir';
import { badScheme } from './errors.ts';

/** Weights `[O, I, R, S]` of a convolution, or `[O, I]` of a linear layer as one position. */
export interface WeightShape {
  /** O: rows of the matrix. */
  readonly filters: number;
  /** I: input channels of one group. */
  readonly channels: number;
  /** R · S. */
  readonly positions: number;
}

/** The shape of a weight tensor of rank 2 or 4. */
export function weightShape(shape: Shape): WeightShape {
  const [filters, channels, rows = 1, columns = 1] = shape;
  if ((shape.length !== 2 && shape.length !== 4) || filters === undefined || channels === undefined)
    throw badScheme('any', `weights [${shape}] are neither [O, I] nor [O, I, R, S]`);
  return { filters, channels, positions: rows * columns };
}

/** How many weights there are. */
export const sizeOf = ({ filters, channels, positions }: WeightShape): number =>
  filters * channels * positions;

/** Which weights stay: 1 or 0 for each, in the order of the tensor. */
export type Mask = Uint8Array;

/** How many weights a mask keeps. */
export const keptCount = (mask: Mask): number => mask.reduce((sum, kept) => sum + kept, 0);

/** The weights with those that go set to zero. */
export const masked = (weights: Float32Array, mask: Mask): Float32Array =>
  weights.map((weight, i) => (mask[i] ? weight : 0));
