// How long a program takes on a device: counts times prices, step by step.

import { assert } from '@espalier/ir';
import type { ModulePrices, PriceList, Profile, ProgramPrices } from './profile.ts';
import {
  type Caches,
  type Feature,
  type Features,
  featuresOf,
  levelsOf,
  type Prices,
  roundBytesOf,
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
export function timeOf(counts: Features, list: Prices): number {
  let total = 0;
  // The entries of a record have the types that it declares.
  for (const [feature, count] of Object.entries(counts) as [Feature, number][])
    total += count * (list[feature] ?? 0);
  return total;
}

/** The prices of a module; the device has to run it. */
export function pricesOf({ prices, name }: Profile, module: SimdModule): ModulePrices {
  const found = prices[module];
  assert(found, `${name} has prices of the module ${module}`);
  return found;
}

/** All prices of a kernel, the epilogue's among them, and whether they are its own. */
export function listOf(
  { any, epilogue, kernels }: Omit<ModulePrices, 'program'>,
  kernel: string,
): { readonly ns: Prices; readonly measuredNs: PriceList['measuredNs']; readonly own: boolean } {
  const own = kernels[kernel];
  const { ns, measuredNs } = own ?? any;
  return { ns: { ...ns, ...epilogue }, measuredNs, own: own !== undefined };
}

/** The time of a step that is run over and over, in ns, at least that which its data take in a program. */
export function timeInProgram(
  hotNs: number,
  work: Work,
  { step, floor }: ProgramPrices,
  caches: Caches,
  module: SimdModule,
  roundBytes: number,
): number {
  return (
    Math.max(hotNs, timeOf(levelsOf(featuresOf(work, module, caches, roundBytes)), floor)) + step
  );
}

/**
 * The time of one step, in ns, and whether it is a guess.
 *
 * @param roundBytes Bytes that are touched between two runs of it in a program; 0 where it is run over and over.
 */
export function stepTime(
  work: Work,
  profile: Profile,
  module: SimdModule,
  roundBytes = 0,
): { readonly ns: number; readonly guessed: boolean } {
  const modulePrices = pricesOf(profile, module);
  const { program } = modulePrices;
  const { ns: prices, measuredNs, own } = listOf(modulePrices, work.kernel);
  const hot = timeOf(featuresOf(work, module, profile.caches), prices);
  const ns =
    roundBytes > 0 ? timeInProgram(hot, work, program, profile.caches, module, roundBytes) : hot;
  const [least, most] = measuredNs;
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
  const roundBytes = roundBytesOf(steps);
  const predicted = steps.map((step): StepLatency => {
    const { ns, guessed } = stepTime(step, profile, module, roundBytes);
    return { label: step.label, kernel: step.kernel, ms: ns / 1e6, guessed };
  });
  return { totalMs: predicted.reduce((sum, { ms }) => sum + ms, 0), steps: predicted };
}
