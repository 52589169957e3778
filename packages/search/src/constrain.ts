// The weights of one block of columns that a mask leaves, nearest to given ones by what the layer puts out:
//
//   min (w − t)ᵀ·H·(w − t)  over the kept weights of each output
//
// exactly where that is short enough, else column after column, those to the right making up for each that goes, in
// one order for all outputs [Frantar & Alistarh, "SparseGPT", 2023, §3].

import { type Mask, supportGroups } from '@espalier/sparsity';
import { cholesky, solveAllInPlace, timesSymmetric } from './linear-algebra.ts';
import type { Block } from './moments.ts';
import { once } from './once.ts';

/** Multiply-adds that an exact solution may take: for weights that ship, and for a look at what a mask does. */
export const patience = { refit: 2e8, glance: 1e7 } as const;

/** What the weights of a block should be like, all of them `[outputs][columns]`. */
export interface Target {
  weights(): Float64Array;
  /** The weights times the moments: all that a solution needs of them. */
  pull(): Float64Array;
}

/** Weights as a target. */
export const targetOf = ({ hessian, columns }: Block, weights: Float64Array): Target => ({
  weights: () => weights,
  pull: once(() => timesSymmetric(weights, hessian, columns)),
});

/** Weights `[outputs][columns]` of a block. */
export interface Constrained {
  readonly weights: Float64Array;
  /** What they add to the mean squared error, all outputs together, by the damped moments. */
  error(): number;
}

/** Finds the weights for a target. */
export type Constrain = (target: Target) => Constrained;

/**
 * What of a mask takes time is done once, for all targets.
 *
 * @param mask `[outputs][columns]`.
 * @param mostWork Beyond so many multiply-adds it is not exact.
 */
export function constrain(block: Block, mask: Mask, mostWork: number = patience.refit): Constrain {
  if (mask.every((kept) => kept === 1))
    return (target) => ({ weights: target.weights(), error: () => 0 });
  const outputs = mask.length / block.columns;
  const groups = supportGroups(mask, outputs);
  const work = groups.reduce(
    (sum, { rows, columns: { length: n } }) => sum + n ** 3 / 6 + rows.length * n ** 2,
    0,
  );
  return work <= mostWork
    ? exactly(block, groups)
    : (target) => inOrder(block, target.weights(), mask);
}

function exactly({ columns, hessian }: Block, groups: ReturnType<typeof supportGroups>): Constrain {
  const systems = groups.map(({ rows, columns: kept }) => {
    const n = kept.length;
    const system = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) system[i * n + j] = hessian[kept[i]! * columns + kept[j]!]!;
    return { rows, kept, factor: cholesky(system, n) };
  });
  return (target) => {
    const pull = target.pull();
    const weights = new Float64Array(pull.length);
    for (const { rows, kept, factor } of systems) {
      const n = kept.length;
      const solved = new Float64Array(rows.length * n);
      for (const [at, o] of rows.entries())
        for (let i = 0; i < n; i++) solved[at * n + i] = pull[o * columns + kept[i]!]!;
      solveAllInPlace(factor, n, solved);
      for (const [at, o] of rows.entries())
        for (let i = 0; i < n; i++) weights[o * columns + kept[i]!] = solved[at * n + i]!;
    }
    // tᵀ·H·t − wᵀ·H·t: what is left of the target's own energy.
    const error = () =>
      target.weights().reduce((sum, wanted, i) => sum + (wanted - weights[i]!) * pull[i]!, 0);
    return { weights, error: () => Math.max(0, error()) };
  };
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
  return { weights, error: () => error };
}
