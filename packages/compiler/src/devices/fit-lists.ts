// Price lists from rows of counts and times: one for each kernel, and the prices of epilogues, which
// they share. What follows a layer's sums costs about the same whatever summed them, and most kernels
// are timed with few epilogues of their own.

import { type EpilogueKind, epilogueKinds } from '../targets/wasm/tally.ts';
import { timeOf } from './latency.ts';
import { nonNegativeLeastSquares } from './nnls.ts';
import type { ModulePrices, PriceList } from './profile.ts';
import { type Features, type KernelFeature, kernelFeatures } from './work.ts';

/** One step that was timed. */
export interface Row {
  readonly kernel: string;
  readonly counts: Features;
  readonly ns: number;
}

/** Errors beyond this are noise of the measurement, or nothing that counts can say. */
export const outlying = 0.3;
const rounds = 4;

type EpiloguePrices = ModulePrices['epilogue'];
type Lists = Pick<ModulePrices, 'epilogue' | 'kernels'>;

const hasEpilogue = ({ counts }: Row): boolean => epilogueKinds.some((kind) => counts[kind]);

/** Prices above zero, without digits that say nothing. */
const priced = <T extends string>(names: readonly T[], price: (name: T) => number) =>
  Object.fromEntries(
    names
      .map((name): [T, number] => [name, Number(price(name).toPrecision(4))])
      .filter(([, ns]) => ns > 0),
  ) as Partial<Record<T, number>>; // the names that it was given

/** What is solved for: a price of all kernels, or of one. */
interface Unknown {
  readonly feature: KernelFeature | EpilogueKind;
  readonly kernel?: string;
}

/** Prices that make the relative errors of all rows least, those far off counting less. */
function fitTogether(rows: readonly Row[]): Lists {
  const ofKernel = new Map<string, Row[]>();
  for (const row of rows) ofKernel.set(row.kernel, [...(ofKernel.get(row.kernel) ?? []), row]);
  const unknowns: Unknown[] = [
    ...epilogueKinds.map((feature) => ({ feature })),
    ...[...ofKernel].flatMap(([kernel, own]) =>
      kernelFeatures
        .filter((feature) => own.some(({ counts }) => counts[feature]))
        .map((feature) => ({ feature, kernel })),
    ),
  ];
  let trust = rows.map(() => 1);
  let prices: number[] = [];
  let lists: Lists = { epilogue: {}, kernels: {} };
  for (let round = 0; round < rounds; round++) {
    // Short steps are dominated by what is the same for all of them: they need not be exact.
    const weights = rows.map(({ ns }, i) => trust[i]! / (ns + 200));
    prices = nonNegativeLeastSquares(
      rows.map(({ kernel, counts }, i) =>
        unknowns.map((unknown) =>
          (unknown.kernel ?? kernel) === kernel ? weights[i]! * (counts[unknown.feature] ?? 0) : 0,
        ),
      ),
      rows.map(({ ns }, i) => weights[i]! * ns),
      undefined,
      prices,
    );
    lists = listsOf(ofKernel, unknowns, prices);
    trust = rows.map(({ kernel, counts, ns }) => {
      const own = { ...lists.kernels[kernel]!.ns, ...lists.epilogue };
      const error = Math.abs(timeOf(counts, own) / ns - 1);
      return error <= outlying ? 1 : outlying / error;
    });
  }
  return lists;
}

/** The solution as lists. */
function listsOf(
  ofKernel: ReadonlyMap<string, readonly Row[]>,
  unknowns: readonly Unknown[],
  prices: readonly number[],
): Lists {
  const priceOf = (feature: Unknown['feature'], kernel?: string) =>
    prices[unknowns.findIndex((one) => one.feature === feature && one.kernel === kernel)] ?? 0;
  return {
    epilogue: priced(epilogueKinds, (kind) => priceOf(kind)),
    kernels: Object.fromEntries(
      [...ofKernel].map(([kernel, rows]) => [
        kernel,
        { ns: priced(kernelFeatures, (name) => priceOf(name, kernel)), measuredNs: rangeOf(rows) },
      ]),
    ),
  };
}

/** The shortest and the longest time. */
const rangeOf = (rows: readonly Row[]): PriceList['measuredNs'] => {
  const times = rows.map(({ ns }) => ns);
  return [Math.min(...times), Math.max(...times)];
};

/** One list for all rows, given what epilogues cost. */
function fitAny(rows: readonly Row[], epilogue: EpiloguePrices): PriceList {
  const bodies = rows.map(({ counts, ns }) => ({
    kernel: 'any',
    counts: Object.fromEntries(kernelFeatures.map((name) => [name, counts[name] ?? 0])),
    // A disturbed time may be shorter than what is taken off.
    ns: Math.max(0.1 * ns, ns - timeOf(counts, epilogue)),
  }));
  return { ...fitTogether(bodies).kernels.any!, measuredNs: rangeOf(rows) };
}

/** The lists of all kernels that rows are of, in the order of their names, and one for others. */
export function fitLists(rows: readonly Row[]): Omit<ModulePrices, 'program'> {
  const names = [...new Set(rows.map(({ kernel }) => kernel))].sort();
  const sharing = new Set(rows.filter(hasEpilogue).map(({ kernel }) => kernel));
  const { epilogue, kernels: together } = fitTogether(
    rows.filter(({ kernel }) => sharing.has(kernel)),
  );
  // Those that share nothing are quicker to fit each on its own.
  const alone = names
    .filter((name) => !sharing.has(name))
    .map((name) => fitTogether(rows.filter(({ kernel }) => kernel === name)).kernels);
  const all: ModulePrices['kernels'] = Object.assign({}, together, ...alone);
  return {
    any: fitAny(rows, epilogue),
    epilogue,
    kernels: Object.fromEntries(names.map((name) => [name, all[name]!])),
  };
}
