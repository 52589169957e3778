// Least squares: the kept weights of a layer make up for those that went.
//
//   min ‖ Y − B·Wᵀ ‖²  over the kept weights, Y what the layer should put out, B what it sees
//
// Block of columns after block, each fitted to what the others leave over.

import type { Mask } from '@espalier/sparsity';
import { constrain } from './constrain.ts';
import type { Layer, NewWeights } from './layers.ts';
import { solveInPlace } from './linear-algebra.ts';
import { type Block, sliceColumns } from './moments.ts';
import { crossProduct, type Matrix, product } from './products.ts';
import { columnsOf } from './rows.ts';

/** A block's part of weights `[O][K]`. */
export function blockOfWeights(
  weights: ArrayLike<number>,
  layer: Layer,
  { first, columns }: Block,
): Float64Array {
  const all = columnsOf(layer);
  const own = new Float64Array(layer.shape.filters * columns);
  for (let o = 0; o < layer.shape.filters; o++)
    for (let k = 0; k < columns; k++) own[o * columns + k] = weights[o * all + first + k]!;
  return own;
}

/** Puts a block's part into weights `[O][K]`. */
export function setBlock(
  weights: Float32Array | Float64Array,
  layer: Layer,
  { first, columns }: Block,
  own: Float64Array,
): void {
  const all = columnsOf(layer);
  for (let o = 0; o < layer.shape.filters; o++)
    weights.set(own.subarray(o * columns, (o + 1) * columns), o * all + first);
}

/** A block's part of a mask. */
export const blockOfMask = (mask: Mask, layer: Layer, block: Block): Mask =>
  Uint8Array.from(blockOfWeights(mask, layer, block));

/** What is fitted to what. */
export interface Observed {
  /** Centred rows that the layer sees, and their means. */
  readonly seen: Matrix;
  readonly means: Float64Array;
  readonly blocks: readonly Block[];
  /** What the layer makes of the centred rows with the weights that it had, `[rows][O]`. */
  readonly before: Matrix;
  /** Outputs that are wanted of these rows, `[rows][O]`. */
  readonly wanted: Matrix;
}

/** New weights, and how far the layer's outputs are off with them. */
export interface Refitted extends Required<NewWeights> {
  /** Squared error over the variance of the outputs, on the rows themselves. */
  readonly relativeError: number;
  /** What the layer puts out with them, `[rows][O]`. */
  readonly outputs: Matrix;
}

/**
 * The weights that a mask leaves, fitted to what is observed. Damping pulls them to what they were.
 *
 * @param mask `[O][K]`.
 */
export function refit(layer: Layer, observed: Observed, mask: Mask): Refitted {
  const { seen, means, blocks, before, wanted } = observed;
  const outputs = layer.shape.filters;
  const columns = columnsOf(layer);
  const weights = Float64Array.from(layer.weights);
  const middle = meansOf(wanted);
  // What is left to explain, of the centred outputs.
  const rest = new Float32Array(before.data.length);
  let energy = 0;
  for (let i = 0; i < rest.length; i++) {
    const centred = wanted.data[i]! - middle[i % outputs]!;
    energy += centred ** 2;
    rest[i] = centred - before.data[i]!;
  }
  for (const block of blocks) {
    const { first, columns: width } = block;
    const own = sliceColumns(seen, first, first + width);
    const cross = crossProduct(own, { rows: seen.rows, columns: outputs, data: rest });
    const start = blockOfWeights(layer.weights, layer, block);
    const target = withCorrection(block, start, cross, seen.rows);
    const fitted = constrain(block, target, blockOfMask(mask, layer, block)).weights;
    const change = Float32Array.from(fitted, (weight, i) => weight - start[i]!);
    const moved = product(own, { rows: outputs, columns: width, data: change });
    for (let i = 0; i < rest.length; i++) rest[i]! -= moved.data[i]!;
    setBlock(weights, layer, block, fitted);
  }
  const bias = Float32Array.from(middle, (mean, o) => {
    let sum = mean;
    for (let k = 0; k < columns; k++) sum -= weights[o * columns + k]! * means[k]!;
    return sum;
  });
  let error = 0;
  const result = new Float32Array(rest.length);
  for (let i = 0; i < rest.length; i++) {
    error += rest[i]! ** 2;
    result[i] = wanted.data[i]! - rest[i]!;
  }
  return {
    weights: Float32Array.from(weights),
    bias,
    relativeError: energy === 0 ? 0 : error / energy,
    outputs: { rows: wanted.rows, columns: outputs, data: result },
  };
}

/** The unconstrained optimum: the weights that they were, and what explains the rest. */
function withCorrection(
  block: Block,
  start: Float64Array,
  cross: Float64Array,
  rows: number,
): Float64Array {
  if (cross.every((value) => Math.abs(value) < 1e-9 * rows)) return start;
  const { columns } = block;
  const factor = block.factor();
  const outputs = start.length / columns;
  const target = start.slice();
  const right = new Float64Array(columns);
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < columns; k++) right[k] = cross[k * outputs + o]! / rows;
    solveInPlace(factor, columns, right);
    for (let k = 0; k < columns; k++) target[o * columns + k]! += right[k]!;
  }
  return target;
}

/** The mean of each column. */
function meansOf({ rows, columns, data }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) means[i % columns]! += data[i]! / rows;
  return means;
}
