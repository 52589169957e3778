// What is asked of a fit: limits, whether they can be reached, and what harm is worth.

import { type Costs, eachCost, exceeded, type Limits } from './costs.ts';
import { unreachable } from './errors.ts';
import type { Planner, Studied } from './planner.ts';

/** The boldest speed that is tried where none is asked for. */
export const boldest = 4;

/** The limits that are asked for. */
export function askedOf(
  { limits = {}, speedup }: { readonly limits?: Limits; readonly speedup?: number },
  { ms }: Costs,
): Limits | undefined {
  const most = speedup === undefined ? limits.ms : Math.min(ms / speedup, limits.ms ?? ms);
  if (most !== undefined) return { ...limits, ms: most };
  const other = limits.bytes !== undefined || limits.memoryBytes !== undefined;
  return other ? limits : undefined;
}

/** The least of each cost that the choices of the layers can bring. */
export const bestOf = (studied: readonly Studied[], dense: Costs): Costs =>
  eachCost((name) =>
    studied.reduce((total, { choices }) => {
      const own = choices.map((choice) => choice[name]);
      return total + Math.min(...own) - own[0]!;
    }, dense[name]),
  );

/** @throws {EspalierError} UNREACHABLE */
export function checkReach(limits: Limits, best: Costs, dense: Costs): void {
  const [name] = exceeded(best, limits);
  if (name) throw unreachable(name, limits[name]!, best[name], dense[name]);
}

/** Speeds that are looked at to see what harm buys, each so many times the one before. */
const stride = 1.05;

/**
 * Harm that is worth a ms: what plans without narrower layers are expected to pay, for the speed that is asked for or for
 * the highest within the loss that is allowed.
 */
export function rateOf(
  plans: Planner,
  askedMs: number | undefined,
  denseMs: number,
  drop: number,
): number {
  // Without a look at harms only channels go that do none.
  if (!plans.heedsHarm) return 0;
  if (askedMs !== undefined) {
    const expected = plans.expected({ ms: askedMs });
    return expected === undefined ? 0 : expected ** 2 / Math.max(denseMs - askedMs, 1e-9);
  }
  let rate = 0;
  for (let speed = stride; speed <= boldest; speed *= stride) {
    const ms = denseMs / speed;
    const expected = plans.expected({ ms });
    if (expected === undefined || expected > drop) break;
    rate = expected ** 2 / (denseMs - ms);
  }
  return rate;
}
