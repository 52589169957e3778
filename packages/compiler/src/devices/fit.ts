// From measured times to prices.

import { timeOf } from './latency.ts';
import { nonNegativeLeastSquares } from './nnls.ts';
import type { ModulePrices, PriceList } from './profile.ts';
import {
  type Caches,
  type Feature,
  type Features,
  features,
  featuresOf,
  type SimdModule,
  type Work,
} from './work.ts';

/** A step that was run over and over, and its time. */
export interface StepSample {
  readonly work: Work;
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
function fitRows(rows: readonly Row[]): PriceList {
  let trust = rows.map(() => 1);
  let list: PriceList = { ns: {}, measuredNs: [0, 0] };
  const times = rows.map(({ ns }) => ns);
  const measuredNs = [Math.min(...times), Math.max(...times)] as const;
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
      const error = Math.abs(timeOf(counts, list) / ns - 1);
      return error <= outlying ? 1 : outlying / error;
    });
  }
  return list;
}

/** The prices of one module's code: for each kernel that was measured, and for all others. */
export function fitPrices(
  samples: readonly StepSample[],
  module: SimdModule,
  caches: Caches,
): ModulePrices {
  const rows = samples
    .filter(({ ns }) => ns >= leastNs)
    .map(({ work, ns }) => ({ kernel: work.kernel, counts: featuresOf(work, module, caches), ns }));
  const names = [...new Set(rows.map(({ kernel }) => kernel))].sort();
  return {
    any: fitRows(rows),
    kernels: Object.fromEntries(
      names.map((name) => [name, fitRows(rows.filter(({ kernel }) => kernel === name))]),
    ),
  };
}
