// The weights of one block of columns that a mask leaves, nearest to given ones by what the layer puts out:
//
//   min (w − t)ᵀ·H·(w − t)  over the kept weights of each output
//
// exactly where that is short enough, else column after column, those to the right making up for each that goes, in
// one order for all outputs [Frantar & Alistarh, "SparseGPT", 2023, §3].

import { type Mask, supportGroups } from '@espalier/sparsity';
import { cholesky, solveInPlace } from './linear-algebra.ts';
import type { Block } from './moments.ts';

/** Multiply-adds that an exact solution may take: for weights that ship, and for a look at what a mask does. */
export const patience = { refit: 2e8, glance: 1e7 } as const;

/** Weights `[outputs][columns]` of a block. */
export interface Constrained {
  readonly weights: Float64Array;
  /** What they add to the mean squared error, all outputs together, by the damped moments. */
  readonly error: number;
}

/**
 * @param target `[outputs][columns]`.
 * @param mask Of the same shape.
 * @param mostWork Beyond so many multiply-adds it is not exact.
 */
export function constrain(
  block: Block,
  target: Float64Array,
  mask: Mask,
  mostWork: number = patience.refit,
): Constrained {
  if (mask.every((kept) => kept === 1)) return { weights: target, error: 0 };
  const outputs = target.length / block.columns;
  const groups = supportGroups(mask, outputs);
  const work = groups.reduce(
    (sum, { rows, columns: { length: n } }) => sum + n ** 3 / 6 + rows.length * n ** 2,
    0,
  );
  return work <= mostWork ? exactly(block, target, groups) : inOrder(block, target, mask);
}

function exactly(
  { columns, hessian }: Block,
  target: Float64Array,
  groups: ReturnType<typeof supportGroups>,
): Constrained {
  const weights = new Float64Array(target.length);
  let error = 0;
  const pull = new Float64Array(columns);
  for (const { rows, columns: kept } of groups) {
    const n = kept.length;
    const system = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) system[i * n + j] = hessian[kept[i]! * columns + kept[j]!]!;
    const factor = cholesky(system, n);
    for (const o of rows) {
      const wanted = target.subarray(o * columns, (o + 1) * columns);
      pull.fill(0);
      for (let i = 0; i < columns; i++) {
        const weight = wanted[i]!;
        if (weight === 0) continue;
        for (let j = 0; j < columns; j++) pull[j]! += weight * hessian[i * columns + j]!;
      }
      const right = Float64Array.from(kept, (k) => pull[k]!);
      const solution = right.slice();
      solveInPlace(factor, n, solution);
      for (let i = 0; i < columns; i++) error += wanted[i]! * pull[i]!;
      for (const [i, k] of kept.entries()) {
        error -= solution[i]! * right[i]!;
        weights[o * columns + k] = solution[i]!;
      }
    }
  }
  return { weights, error: Math.max(0, error) };
}

function inOrder(block: Block, target: Float64Array, mask: Mask): Constrained {
  const { columns } = block;
  const factor = block.handover();
  const weights = target.slice();
  let error = 0;
  const outputs = target.length / columns;
  const own = new Float64Array(columns);
  for (let j = 0; j < columns; j++) {
    for (let k = j; k < columns; k++) own[k] = factor[k * columns + j]!;
    const pivot = own[j]!;
    for (let o = 0; o < outputs; o++) {
      const row = o * columns;
      if (mask[row + j] || weights[row + j] === 0) continue;
      const gone = weights[row + j]! / pivot;
      error += gone ** 2;
      for (let k = j + 1; k < columns; k++) weights[row + k]! -= gone * own[k]!;
      weights[row + j] = 0;
    }
  }
  return { weights, error };
}
