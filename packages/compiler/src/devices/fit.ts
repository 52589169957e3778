// From measured times to prices.

import { displaced, timeOf } from './latency.ts';
import { nonNegativeLeastSquares } from './nnls.ts';
import type { ColdPrices, ModulePrices, PriceList } from './profile.ts';
import {
  type Caches,
  type Feature,
  type Features,
  features,
  featuresOf,
  levels,
  roundBytesOf,
  type SimdModule,
  sumOf,
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
function fitRows<F extends Feature>(
  rows: readonly Row[],
  columns: readonly F[],
  given: (row: Row) => number = () => 0,
): Readonly<Partial<Record<F, number>>> {
  if (rows.length === 0) return {} as Readonly<Partial<Record<F, number>>>; // nothing is known
  let trust = rows.map(() => 1);
  let prices = {} as Readonly<Partial<Record<F, number>>>; // nothing costs anything yet
  for (let round = 0; round < rounds; round++) {
    // Short steps are dominated by what is the same for all of them: they need not be exact.
    const weights = rows.map(({ ns }, i) => trust[i]! / (ns + 200));
    const solved = nonNegativeLeastSquares(
      rows.map(({ counts }, i) => columns.map((feature) => weights[i]! * (counts[feature] ?? 0))),
      rows.map((row, i) => weights[i]! * (row.ns - given(row))),
    );
    const priced = columns
      .map((feature, i) => [feature, Number(solved[i]!.toPrecision(4))] as const)
      .filter(([, price]) => price > 0);
    prices = Object.fromEntries(priced) as typeof prices; // the keys are the columns
    trust = rows.map((row) => {
      const error = Math.abs((given(row) + timeOf(row.counts, prices)) / row.ns - 1);
      return error <= outlying ? 1 : outlying / error;
    });
  }
  return prices;
}

function fitList(rows: readonly Row[]): PriceList {
  const times = rows.map(({ ns }) => ns);
  return { ns: fitRows(rows, features), measuredNs: [Math.min(...times), Math.max(...times)] };
}

/** What programs take beyond the sum of their steps, by the bytes that these displace. */
function fitCold(
  programs: readonly ProgramSample[],
  lists: Omit<ModulePrices, 'cold'>,
  module: SimdModule,
  caches: Caches,
): ColdPrices {
  const known = new Map<Row, number>();
  const rows = programs.map(({ steps, ns }): Row => {
    const roundBytes = roundBytesOf(steps);
    const row = {
      counts: sumOf(steps.map((step) => displaced(step, module, caches, roundBytes))),
      ns,
    };
    const times = steps.map((step) =>
      timeOf(featuresOf(step, module, caches), (lists.kernels[step.kernel] ?? lists.any).ns),
    );
    known.set(
      row,
      times.reduce((sum, time) => sum + time, 0),
    );
    return row;
  });
  return fitRows(rows, levels, (row) => known.get(row) ?? 0);
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
  return { ...lists, cold: fitCold(programs, lists, module, caches) };
}
