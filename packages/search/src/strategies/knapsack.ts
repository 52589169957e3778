// The least harm within a budget: a multiple-choice knapsack, by dynamic programming over discrete times.

import type { Figures } from './strategy.ts';

/** Steps of the budget. Times are rounded up, so that a plan never exceeds it. */
const steps = 2000;

/** The plan of least total harm whose times fit; `undefined` where none does. */
export const knapsack = (
  layers: readonly (readonly Figures[])[],
  budgetMs: number,
): number[] | undefined => {
  const unit = budgetMs / steps;
  if (!(unit > 0)) return undefined;
  let harm = new Float64Array(steps + 1).fill(0);
  const picks: Int32Array[] = [];
  for (const candidates of layers) {
    const next = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY);
    const pick = new Int32Array(steps + 1).fill(-1);
    candidates.forEach((candidate, index) => {
      const cost = Math.ceil(candidate.ms / unit);
      for (let left = cost; left <= steps; left++) {
        const total = harm[left - cost]! + candidate.harm;
        if (total < next[left]!) {
          next[left] = total;
          pick[left] = index;
        }
      }
    });
    harm = next;
    picks.push(pick);
  }
  if (!Number.isFinite(harm[steps]!)) return undefined;
  const chosen = new Array<number>(layers.length);
  let left = steps;
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    const index = picks[layer]![left]!;
    chosen[layer] = index;
    left -= Math.ceil(layers[layer]![index]!.ms / unit);
  }
  return chosen;
};
