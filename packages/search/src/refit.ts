// Least squares: the kept weights of a layer make up for those that went.
//
//   min ‖ Y − B·Wᵀ ‖²  over the kept weights, Y what the layer put out before, B what it sees now
//
// Outputs that keep the same columns share one factorisation.

import { type Mask, supportGroups } from '@espalier/sparsity';
import { cholesky, solveInPlace } from './linear-algebra.ts';
import type { Rows } from './samples.ts';

/** Moments of the rows that a layer sees, with a column of ones for the bias. */
export interface Moments {
  /** K + 1. */
  readonly size: number;
  /** BᵀB / rows. */
  readonly gram: Float64Array;
  /** BᵀY / rows, `[K + 1][O]`. */
  readonly cross: Float64Array;
  /** E[y²] of each output. */
  readonly energy: Float64Array;
}

/** What a layer put out, `[rows][O]`, of the rows that it saw. */
export function outputsOf(
  rows: Rows,
  weights: Float32Array,
  bias: ArrayLike<number>,
): Float32Array {
  const outputs = weights.length / rows.columns;
  const result = new Float32Array(rows.count * outputs);
  for (let row = 0; row < rows.count; row++)
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o]!;
      const [a, b] = [row * rows.columns, o * rows.columns];
      for (let k = 0; k < rows.columns; k++) sum += rows.data[a + k]! * weights[b + k]!;
      result[row * outputs + o] = sum;
    }
  return result;
}

/** The moments of rows with the outputs that are wanted of them. */
export function momentsOf(rows: Rows, wanted: Float32Array): Moments {
  const { count, columns } = rows;
  const outputs = wanted.length / count;
  const size = columns + 1;
  const gram = new Float64Array(size * size);
  const cross = new Float64Array(size * outputs);
  const energy = new Float64Array(outputs);
  for (let row = 0; row < count; row++) {
    const at = row * columns;
    const y = row * outputs;
    for (let o = 0; o < outputs; o++) energy[o]! += wanted[y + o]! ** 2 / count;
    for (let i = 0; i < size; i++) {
      const value = (i < columns ? rows.data[at + i]! : 1) / count;
      if (value === 0) continue;
      // The lower half; the rest is its mirror.
      for (let j = 0; j <= i; j++)
        gram[i * size + j]! += value * (j < columns ? rows.data[at + j]! : 1);
      for (let o = 0; o < outputs; o++) cross[i * outputs + o]! += value * wanted[y + o]!;
    }
  }
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) gram[j * size + i] = gram[i * size + j]!;
  return { size, gram, cross, energy };
}

/** New weights, and how far the layer's outputs are off with them. */
export interface Refitted {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  /** Squared error over squared outputs, on the rows themselves. */
  readonly relativeError: number;
}

/** Added to the diagonal, as a part of its mean: rows are few. */
const damping = 0.01;

/**
 * The weights that a mask leaves, fitted to the moments. Damping pulls them to what they were.
 *
 * @param mask `[O][K]`.
 */
export function refit(
  moments: Moments,
  weights: Float32Array,
  bias: ArrayLike<number>,
  mask: Mask,
): Refitted {
  const { size, gram, cross, energy } = moments;
  const outputs = energy.length;
  const columns = size - 1;
  const fitted = new Float32Array(weights.length);
  const newBias = new Float32Array(outputs);
  let mean = 0;
  for (let i = 0; i < size; i++) mean += gram[i * size + i]! / size;
  const ridge = damping * mean;
  let [error, total] = [0, 0];
  for (const group of supportGroups(mask, outputs)) {
    const kept = [...group.columns, columns];
    const n = kept.length;
    const system = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) system[i * n + j] = gram[kept[i]! * size + kept[j]!]!;
    for (let i = 0; i < n; i++) system[i * n + i]! += ridge;
    const factor = cholesky(system, n);
    for (const o of group.rows) {
      const before = kept.map((k) => (k === columns ? bias[o]! : weights[o * columns + k]!));
      const solution = Float64Array.from(
        kept,
        (k, i) => cross[k * outputs + o]! + ridge * before[i]!,
      );
      solveInPlace(factor, n, solution);
      let off = energy[o]!;
      kept.forEach((k, i) => {
        let product = 0;
        kept.forEach((other, j) => {
          product += gram[k * size + other]! * solution[j]!;
        });
        off += solution[i]! * (product - 2 * cross[k * outputs + o]!);
        if (k === columns) newBias[o] = solution[i]!;
        else fitted[o * columns + k] = solution[i]!;
      });
      error += Math.max(0, off);
      total += energy[o]!;
    }
  }
  return { weights: fitted, bias: newBias, relativeError: total === 0 ? 0 : error / total };
}
