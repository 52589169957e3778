// Least squares: the kept weights of a layer make up for those that went.
//
//   min ‖ Y − B·Wᵀ ‖²  over the kept weights, Y what the layer should put out, B what it sees
//
// Block of columns after block, each fitted to what the others leave over.

import type { Mask } from '@espalier/sparsity';
import { type Constrain, constrain, type Target, targetOf } from './constrain.ts';
import type { Layer, NewWeights } from './layers.ts';
import { solveAllInPlace } from './linear-algebra.ts';
import { type Block, sliceColumns } from './moments.ts';
import { once } from './once.ts';
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

/** What a layer sees. */
export interface Observed {
  /** Centred rows that the layer sees, and their means. */
  readonly seen: Matrix;
  readonly means: Float64Array;
  readonly blocks: readonly Block[];
  /** What the layer makes of the centred rows with the weights that it had, `[rows][O]`. */
  readonly before: Matrix;
}

/** The weights of a layer, as its blocks have them. */
export const startsOf = (layer: Layer, blocks: readonly Block[]): Target[] =>
  blocks.map((block) => targetOf(block, blockOfWeights(layer.weights, layer, block)));

/** New weights, and how far the layer's outputs are off with them. */
export interface Refitted extends Required<NewWeights> {
  /** Squared error over the variance of the outputs, on the rows themselves. */
  readonly relativeError: number;
  /** What the layer puts out with them, `[rows][O]`. */
  readonly outputs: Matrix;
}

/**
 * Fits the weights that a mask leaves to outputs that are wanted of the rows that are seen, `[rows][O]`. Damping
 * pulls them to what they were.
 *
 * @param mask `[O][K]`.
 */
export function refitTo(
  layer: Layer,
  { seen, means, blocks, before }: Observed,
  mask: Mask,
): (wanted: Matrix) => Refitted {
  const starts = startsOf(layer, blocks);
  const parts = blocks.map((block, i) => ({
    block,
    start: starts[i]!,
    own: sliceColumns(seen, block.first, block.first + block.columns),
    fit: constrain(block, blockOfMask(mask, layer, block)),
  }));
  return (wanted) => fitParts(layer, parts, means, before, wanted);
}

/** A block with the rows of its columns. */
interface Part {
  readonly block: Block;
  readonly start: Target;
  readonly own: Matrix;
  readonly fit: Constrain;
}

function fitParts(
  layer: Layer,
  parts: readonly Part[],
  means: Float64Array,
  before: Matrix,
  wanted: Matrix,
): Refitted {
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
  for (const { block, start, own, fit } of parts) {
    const cross = crossProduct(own, { rows: own.rows, columns: outputs, data: rest });
    const { weights: fitted } = fit(withCorrection(block, start, cross, own.rows));
    const had = start.weights();
    const change = Float32Array.from(fitted, (weight, at) => weight - had[at]!);
    const moved = product(own, { rows: outputs, columns: block.columns, data: change });
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

/**
 * The unconstrained optimum: the weights that they were, and what explains the rest.
 *
 * @param cross Of the columns with the rest, `[columns][outputs]`, the sum over the rows.
 */
function withCorrection(block: Block, start: Target, cross: Float64Array, rows: number): Target {
  if (cross.every((value) => Math.abs(value) < 1e-9 * rows)) return start;
  const { columns } = block;
  const outputs = cross.length / columns;
  const right = new Float64Array(cross.length);
  for (let o = 0; o < outputs; o++)
    for (let k = 0; k < columns; k++) right[o * columns + k] = cross[k * outputs + o]! / rows;
  const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]!);
  return {
    weights: once(() => {
      const correction = right.slice();
      solveAllInPlace(block.factor(), columns, correction);
      return plus(start.weights(), correction);
    }),
    pull: once(() => plus(start.pull(), right)),
  };
}

/** The mean of each column. */
function meansOf({ rows, columns, data }: Matrix): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) means[i % columns]! += data[i]! / rows;
  return means;
}
