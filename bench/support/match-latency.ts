// Looks for the budget at which a contender is as fast as another, by measurement.

/** How far from equal is equal. */
const tolerance = 0.02;

const tries = 8;

/** The largest change of a budget from one try to the next: a measurement may be wrong. */
const step = 1.15;

/** A plan that was timed. */
export interface Timed<P> {
  readonly plan: P;
  /** Its time by that of the other. */
  readonly ratio: number;
}

/**
 * The slowest plan found that is at most as slow as the other, within 2 %; `undefined` where none is.
 *
 * @param budget Where to begin, in predicted ms.
 * @param planAt The plan of a budget, if there is one.
 * @param ratioOf Measures a plan against the other.
 */
export function matchLatency<P extends { readonly key: string }>(
  budget: number,
  planAt: (budget: number) => P | undefined,
  ratioOf: (plan: P) => number,
): Timed<P> | undefined {
  const timed = new Map<string, Timed<P>>();
  let best: Timed<P> | undefined;
  // Budgets that were fast enough, and that were not.
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let at = budget;
  for (let round = 0; round < tries; round++) {
    const plan = planAt(at);
    const one = plan && (timed.get(plan.key) ?? { plan, ratio: ratioOf(plan) });
    if (!one) low = Math.max(low, at);
    else {
      timed.set(one.plan.key, one);
      const fits = one.ratio <= 1 + tolerance;
      if (fits && (!best || one.ratio > best.ratio)) best = one;
      if (fits) low = Math.max(low, at);
      else high = Math.min(high, at);
      if (Math.abs(one.ratio - 1) <= tolerance) break;
    }
    // Where there is no plan, more time may allow one; else as the measurement says, between what is known.
    const next = one ? at * Math.min(step, Math.max(1 / step, 1 / one.ratio)) : 1.1 * at;
    if (next > 1.001 * low && next < 0.999 * high) at = next;
    else if (low > 0 && Number.isFinite(high)) at = Math.sqrt(low * high);
    else at = low > 0 ? 1.03 * low : high / 1.03;
  }
  return best;
}
