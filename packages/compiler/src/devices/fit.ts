// From measured times to prices.

import { timeInProgram, timeOf } from './latency.ts';
import { nonNegativeLeastSquares } from './nnls.ts';
import type { ModulePrices, PriceList, ProgramPrices } from './profile.ts';
import {
  type Caches,
  type Feature,
  type Features,
  features,
  featuresOf,
  roundBytesOf,
  type SimdModule,
  type Work,
} from './work.ts';

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

/** Errors beyond this are noise of the measurement, or nothing that counts can say. */
const outlying = 0.3;
const rounds = 4;

/** Times below this say more about the clock than about the step. */
const leastNs = 20;

interface Row {
  readonly counts: Features;
  readonly ns: number;
}

/** Prices that make the relative errors of some rows least, those far off counting less. */
function fitList(rows: readonly Row[]): PriceList {
  const times = rows.map(({ ns }) => ns);
  const measuredNs = [Math.min(...times), Math.max(...times)] as const;
  let trust = rows.map(() => 1);
  let list: PriceList = { ns: {}, measuredNs };
  for (let round = 0; round < rounds; round++) {
    // Short steps are dominated by what is the same for all of them: they need not be exact.
    const weights = rows.map(({ ns }, i) => trust[i]! / (ns + 200));
    const solved = nonNegativeLeastSquares(
      rows.map(({ counts }, i) => features.map((feature) => weights[i]! * (counts[feature] ?? 0))),
      rows.map(({ ns }, i) => weights[i]! * ns),
    );
    const priced = features
      .map((feature, i): [Feature, number] => [feature, Number(solved[i]!.toPrecision(4))])
      .filter(([, price]) => price > 0);
    list = { ns: Object.fromEntries(priced), measuredNs };
    trust = rows.map(({ counts, ns }) => {
      const error = Math.abs(timeOf(counts, list.ns) / ns - 1);
      return error <= outlying ? 1 : outlying / error;
    });
  }
  return list;
}

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
      hotNs: timeOf(featuresOf(work, module, caches), (lists.kernels[work.kernel] ?? lists.any).ns),
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

/** The prices of one module's code: for each kernel that was measured, and for all others. */
export function fitPrices(
  samples: readonly StepSample[],
  programs: readonly ProgramSample[],
  module: SimdModule,
  caches: Caches,
): ModulePrices {
  const rows = samples
    .filter(({ ns }) => ns >= leastNs)
    .map(({ work, ns }) => ({ kernel: work.kernel, counts: featuresOf(work, module, caches), ns }));
  const names = [...new Set(rows.map(({ kernel }) => kernel))].sort();
  const lists = {
    any: fitList(rows),
    kernels: Object.fromEntries(
      names.map((name) => [name, fitList(rows.filter(({ kernel }) => kernel === name))]),
    ),
  };
  return { ...lists, program: fitProgram(programs, lists, module, caches) };
}
