// Is a mix of schemes as good as any single one, and as rules, at equal measured latency? (words choose networks)

import type { Profile } from '@espalier/compiler';
import { costsOf, prunableLayers, type StrategyName, withLayers } from '@espalier/search';
import type { SchemeName } from '@espalier/sparsity';
import { openCache } from '../packages/espalier/src/cache.ts';
import { measureBoth } from '../packages/espalier/src/fit/measure.ts';
import { type Evaluation, openEvaluation } from '../packages/espalier/src/fit/search-model.ts';
import { studyAll } from '../packages/search/src/evaluator.ts';
import { type Plan, planner, withZeros } from '../packages/search/src/planner.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, modelCases } from '../test/support/trained-models.ts';
import { atLeast, type Bar, digits, type Report, type Row } from './bars.ts';
import { type FitRecord, fitRecords } from './support/fit-records.ts';
import { type Fitting, fittingOf, seeing } from './support/fitting.ts';
import { calibratedHost } from './support/host.ts';
import { matchLatency } from './support/match-latency.ts';

const models = ['resnet20_cifar10', 'rlfn_s_x2', 'fastestdet'];

/** Who is compared: the first says how fast the others have to be. */
interface Contender {
  readonly name: string;
  readonly strategy: StrategyName;
  /** The only one, besides layers as they are. */
  readonly scheme?: SchemeName;
}

const contenders: readonly Contender[] = [
  { name: 'knapsack', strategy: 'knapsack' },
  ...(['kernelBlock', 'blockColumns', 'unstructured'] as const).map(
    (scheme): Contender => ({ name: scheme, strategy: 'knapsack', scheme }),
  ),
  { name: 'rule', strategy: 'rule' },
];

const tell = (text: string): void => void process.stderr.write(`\r\x1b[K${text}`);

/** Threads and studies of a network, with one scheme or with all: `knapsack` and `rule` share theirs. */
async function study(fitting: Fitting, profile: Profile, scheme: SchemeName | undefined) {
  const pins = scheme === undefined ? {} : { scheme };
  const folder = process.env.ESPALIER_BENCH_CACHE;
  const evaluation = await openEvaluation({
    source: fitting.source,
    profile,
    wish: { seed: 1, pins },
    inputs: fitting.inputs,
    preprocessing: {},
    task: undefined,
    cache: folder ? openCache(folder) : undefined,
  });
  const layers = prunableLayers(evaluation.graph);
  const studied = await studyAll(evaluation.pool.at('f32'), layers, (_, done) =>
    tell(`${scheme ?? 'all schemes'}: layer ${done} of ${layers.length}`),
  );
  return { evaluation, studied };
}

type Study = Awaited<ReturnType<typeof study>>;

/** The network with a plan's zeros, whose time is that of the fitted one. */
const zeroed = ({ evaluation: { graph }, studied }: Study, { chosen }: Plan) =>
  withZeros(graph, studied, chosen);

/** The network with a plan's zeros, and weights that make up for them. */
async function carriedOut({ graph, pool }: Evaluation, { key, chosen }: Plan) {
  const { weights } = await pool.at('f32').attempt(key, chosen);
  return withLayers(graph, weights);
}

/** Compares the contenders on one network. */
async function compare(
  record: FitRecord,
  from: ModelCase,
  profile: Profile,
): Promise<{ readonly rows: Row[]; readonly bars: Bar[] }> {
  const { model } = record;
  const quality = record.quality!; // those that are compared have one
  const fitting = fittingOf(record, from);
  const studies = new Map<SchemeName | undefined, Study>();
  try {
    for (const { scheme } of contenders)
      if (!studies.has(scheme)) studies.set(scheme, await study(fitting, profile, scheme));
    const all = studies.get(undefined)!;
    const dense = all.evaluation.graph;
    const denseCosts = costsOf(dense, profile);
    const budget = denseCosts.ms / record.speedup;
    const seeDense = seeing(dense, fitting.preprocessing);
    const planAt =
      ({ strategy, scheme }: Contender) =>
      (ms: number): Plan | undefined =>
        planner(dense, studies.get(scheme)!.studied, denseCosts, { profile, strategy }).within(
          { ms },
          1,
        );
    const mix = planAt(contenders[0]!)(budget);
    if (!mix) throw new Error(`${model}: there is no plan that is ${record.speedup} times as fast`);
    const target = zeroed(all, mix);
    const found: { readonly name: string; readonly row: Row; readonly score?: number }[] = [];
    for (const contender of contenders) {
      const { name, scheme } = contender;
      tell(`${model}: ${name}`);
      const own = studies.get(scheme)!;
      const matched =
        name === 'knapsack'
          ? { plan: mix, ratio: 1 }
          : matchLatency(budget, planAt(contender), (plan) => {
              const { denseMs: wanted, ms } = measureBoth(target, zeroed(own, plan), profile);
              return ms / wanted;
            });
      if (!matched) {
        found.push({ name, row: { network: model, contender: name, reached: false } });
        continue;
      }
      const graph = await carriedOut(own.evaluation, matched.plan);
      const { denseMs, ms } = measureBoth(dense, graph, profile);
      const score = quality.of(seeing(graph, fitting.preprocessing), seeDense);
      const row: Row = {
        network: model,
        contender: name,
        reached: true,
        byMix: digits(matched.ratio),
        speedup: digits(denseMs / ms),
        ms: digits(ms),
        quality: digits(score),
        unit: quality.unit,
        layers: matched.plan.chosen.filter((choice) => choice.scheme !== 'none').length,
      };
      found.push({ name, row, score });
    }
    tell('');
    const scoreOf = (name: string) => found.find((one) => one.name === name)?.score;
    const single = found.flatMap(({ name, score }) =>
      score !== undefined && contenders.some((one) => one.name === name && one.scheme)
        ? [score]
        : [],
    );
    const mixed = scoreOf('knapsack')!;
    const ruled = scoreOf('rule');
    // Who is never as fast loses without a figure.
    const bars = [
      ...(single.length > 0
        ? [
            atLeast(
              `${model}, best single scheme`,
              digits(mixed - Math.max(...single)),
              0,
              quality.unit,
            ),
          ]
        : []),
      ...(ruled === undefined
        ? []
        : [atLeast(`${model}, rule`, digits(mixed - ruled), 0, quality.unit)]),
    ];
    return { rows: found.map(({ row }) => row), bars };
  } finally {
    for (const { evaluation } of studies.values()) await evaluation.pool.close();
  }
}

/**
 * Quality by the data sets' own metrics at the speed of the mix, measured in Node. `--profile file` keeps the
 * calibration, ESPALIER_BENCH_CACHE the evaluations.
 */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const { profile } = await calibratedHost();
  const asked = words.filter((word) => models.includes(word));
  const [rows, bars]: [Row[], Bar[]] = [[], []];
  for (const model of asked.length > 0 ? asked : models) {
    const record = fitRecords.find((one) => one.model === model)!;
    const from = [...modelCases()].find((one) => one.model === model);
    if (!from) throw new Error(`${model} is not among the shared data`);
    const one = await compare(record, from, profile);
    rows.push(...one.rows);
    bars.push(...one.bars);
  }
  return { rows, bars };
}
