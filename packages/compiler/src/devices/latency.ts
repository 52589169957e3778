// How long a program takes on a device: counts times prices, step by step.

import type { PriceList, Profile } from './profile.ts';
import {
  type Feature,
  type Features,
  featuresOf,
  footprint,
  type SimdModule,
  type Work,
} from './work.ts';

/** The prediction for one step. */
export interface StepLatency {
  readonly label: string;
  readonly kernel: string;
  readonly ms: number;
  /** Nothing like it was measured: the kernel has no prices of its own, or the step lies far outside. */
  readonly guessed: boolean;
}

/** The prediction for a program. */
export interface Latency {
  readonly totalMs: number;
  readonly steps: readonly StepLatency[];
}

/** Beyond this factor from all that was measured a prediction is a guess. */
const trustedReach = 8;

/** The time of some features, in ns. */
export function timeOf(counts: Features, { ns }: PriceList): number {
  let total = 0;
  // A sum over the features that there are, in the order of the record.
  for (const [feature, count] of Object.entries(counts) as [Feature, number][])
    total += count * (ns[feature] ?? 0);
  return total;
}

/** The prices of a kernel; those of all kernels together where it was not measured. */
export function pricesOf(
  { prices }: Profile,
  module: SimdModule,
  kernel: string,
): { readonly list: PriceList; readonly own: boolean } {
  const own = prices[module].kernels[kernel];
  return { list: own ?? prices[module].any, own: own !== undefined };
}

/** The time of one step, in ns, and whether it is a guess. */
export function stepTime(
  work: Work,
  profile: Profile,
  module: SimdModule,
  roundBytes?: number,
): { readonly ns: number; readonly guessed: boolean } {
  const counts = featuresOf(work, module, profile.caches, roundBytes);
  const { list, own } = pricesOf(profile, module, work.kernel);
  // However few instructions it takes, data from memory arrives no faster than the memory gives it.
  const floor = (counts.fromMemory ?? 0) / profile.bandwidthGBs.value;
  const ns = Math.max(timeOf(counts, list), floor);
  const [least, most] = list.measuredNs;
  const outside = ns > most * trustedReach || ns < least / trustedReach;
  return { ns, guessed: !own || outside };
}

/**
 * Predicts how long one inference takes, alone on a warm device.
 *
 * @param steps The steps of a program, as `compile` reports them.
 * @param module The module that the device's engine runs; by default the first of its profile.
 */
export function latency(
  steps: readonly Work[],
  profile: Profile,
  module: SimdModule = profile.modules[0],
): Latency {
  const roundBytes =
    steps.reduce((sum, step) => sum + step.constantBytes, 0) +
    Math.max(0, ...steps.map((step) => step.activationBytes));
  const predicted = steps.map((step): StepLatency => {
    const { ns, guessed } = stepTime(step, profile, module, Math.max(roundBytes, footprint(step)));
    return { label: step.label, kernel: step.kernel, ms: ns / 1e6, guessed };
  });
  return { totalMs: predicted.reduce((sum, { ms }) => sum + ms, 0), steps: predicted };
}
