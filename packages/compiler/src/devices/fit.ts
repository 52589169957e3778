// From measured times to prices.

import { fitLists, outlying } from './fit-lists.ts';
import { listOf, timeInProgram, timeOf } from './latency.ts';
import type { ModulePrices, ProgramPrices } from './profile.ts';
import { type Caches, featuresOf, roundBytesOf, type SimdModule, type Work } from './work.ts';

/** A step that was run over and over, and its time. */
export interface StepSample {
  readonly work: Work;
  readonly ns: number;
}

/** A program that was run over and over, and its time. */
export interface ProgramSample {
  readonly steps: readonly Work[];
  readonly ns: number;
}

/** Times below this say more about the clock than about the step. */
const leastNs = 20;

/** Floors that are tried, in ns a byte: from 500 down to 4 GB/s. */
const floorsTried = Array.from({ length: 15 }, (_, i) =>
  Number((0.002 * 2 ** (i / 2)).toPrecision(3)),
);
/** Extra times of a step that are tried, in ns. */
const stepsTried = [0, 50, 100, 200, 400, 700, 1000, 1500, 2000, 3000];

/** What programs cost beyond the sum of their steps, where that can be told: the best of a grid. */
function fitProgram(
  programs: readonly ProgramSample[],
  lists: Omit<ModulePrices, 'program'>,
  module: SimdModule,
  caches: Caches,
): ProgramPrices {
  const known = programs.map(({ steps, ns }) => ({
    ns,
    roundBytes: roundBytesOf(steps),
    steps: steps.map((work) => ({
      work,
      hotNs: timeOf(featuresOf(work, module, caches), listOf(lists, work.kernel).ns),
    })),
  }));
  const badness = (prices: ProgramPrices): number =>
    known
      .map(({ ns, roundBytes, steps }) => {
        const predicted = steps.reduce(
          (sum, { work, hotNs }) =>
            sum + timeInProgram(hotNs, work, prices, caches, module, roundBytes),
          0,
        );
        // Of one that was disturbed no more is learnt the worse it is.
        return Math.min(outlying, Math.abs(Math.log(predicted / ns)));
      })
      .reduce((sum, error) => sum + error, 0);
  let best: ProgramPrices = { step: 0, floor: {} };
  let least = badness(best);
  const offer = (prices: ProgramPrices) => {
    const error = badness(prices);
    if (error < least) [best, least] = [prices, error];
  };
  // One after the other, and once more, since each bears on the others.
  for (let round = 0; round < 2; round++) {
    // What the second cache holds comes while a step computes.
    for (const fromMemory of floorsTried) offer({ ...best, floor: { ...best.floor, fromMemory } });
    const { fromMemory = 0 } = best.floor;
    for (const fromL3 of floorsTried)
      if (fromL3 <= fromMemory) offer({ ...best, floor: { ...best.floor, fromL3 } });
    for (const step of stepsTried) offer({ ...best, step });
  }
  return best;
}

/** The prices of one module's code: for each kernel that was measured, for all others, and for epilogues. */
export function fitPrices(
  samples: readonly StepSample[],
  programs: readonly ProgramSample[],
  module: SimdModule,
  caches: Caches,
): ModulePrices {
  const rows = samples
    .filter(({ ns }) => ns >= leastNs)
    .map(({ work, ns }) => ({ kernel: work.kernel, counts: featuresOf(work, module, caches), ns }));
  const lists = fitLists(rows);
  return { ...lists, program: fitProgram(programs, lists, module, caches) };
}
