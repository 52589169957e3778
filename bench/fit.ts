// Are networks that are fitted to this machine faster, by how much, and how good are they? (words choose networks)

import type { Profile } from '@espalier/compiler';
import { openCache } from '../packages/espalier/src/cache.ts';
import { canonical, searchModel } from '../packages/espalier/src/fit/search-model.ts';
import { skipWithoutChromium } from '../test/support/browser.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, modelCases, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, type Bar, digits, type Report, type Row } from './bars.ts';
import type { HostName } from './peers/engines.ts';
import { type FitRecord, fitRecords } from './support/fit-records.ts';
import { fittingOf, seeing } from './support/fitting.ts';
import { calibratedHost } from './support/host.ts';
import { median } from './support/networks.ts';
import { timeBoth } from './support/time-both.ts';

/** Fits, measures and judges one network. */
async function fitOne(
  record: FitRecord,
  from: ModelCase,
  profile: Profile,
  hosts: readonly HostName[],
): Promise<{ readonly rows: Row[]; readonly bars: Bar[]; readonly errors: number[] }> {
  const { model, quality, wish } = record;
  const { source, inputs, preprocessing } = fittingOf(record, from);
  const startMs = performance.now();
  const fitted = await searchModel({
    source,
    profile,
    wish: { ...wish, seed: 1, pins: wish.pins ?? {} },
    inputs,
    preprocessing: {},
    task: undefined,
    cache: process.env.ESPALIER_BENCH_CACHE
      ? openCache(process.env.ESPALIER_BENCH_CACHE)
      : undefined,
    onProgress: ({ message }) => process.stderr.write(`\r\x1b[K${model}: ${message}`),
  });
  process.stderr.write('\r\x1b[K');
  const searchS = (performance.now() - startMs) / 1000;
  const dense = canonical(source).graph;
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const errors: number[] = [];
  const predicted = fitted.dense.ms / fitted.shipped.ms;
  let scores: { dense: number; fitted: number } | undefined;
  if (quality) {
    const see = seeing(dense, preprocessing);
    const own = fitted.accepted ? seeing(fitted.graph, preprocessing) : see;
    scores = { dense: quality.of(see, see), fitted: quality.of(own, see) };
    const loss = digits(scores.dense - scores.fitted);
    bars.push(atMost(`${model}, loss`, loss, quality.loss, quality.unit));
  }
  for (const host of hosts) {
    const ms = await timeBoth(host, from, { dense, fitted: fitted.graph }, profile);
    const measured = ms.dense / ms.fitted;
    if (fitted.accepted) errors.push(Math.abs(predicted / measured - 1));
    rows.push({
      network: model,
      host,
      accepted: fitted.accepted,
      predicted: digits(predicted),
      measured: digits(measured),
      denseMs: digits(ms.dense),
      fittedMs: digits(ms.fitted),
      agreement: digits(fitted.shipped.score),
      ...(scores && { denseQuality: digits(scores.dense), fittedQuality: digits(scores.fitted) }),
      unit: quality?.unit ?? '',
      searchS: digits(searchS),
    });
    bars.push(atLeast(`${model} in ${host}, speed-up`, digits(measured), record.speedup));
    // Timings of equal programs differ by some percent from run to run.
    if (fitted.accepted)
      bars.push(atLeast(`${model} in ${host}, never slower`, digits(measured), 0.97));
  }
  return { rows, bars, errors };
}

/** Speed in Node and Chromium, quality on the data sets, error of predictions. `--profile file` keeps the calibration. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const { profile } = await calibratedHost();
  const hosts: HostName[] = [
    'node',
    ...('skip' in skipWithoutChromium ? [] : (['chromium'] as const)),
  ];
  const asked = words.filter((word) => fitRecords.some(({ model }) => model === word));
  const [rows, bars, errors]: [Row[], Bar[], number[]] = [[], [], []];
  const cases = function* () {
    yield* modelCases();
    yield* skeletonCases();
  };
  const done = new Set<string>();
  for (const from of cases()) {
    const record = fitRecords.find(({ model }) => model === from.model);
    if (!record || done.has(from.model)) continue;
    if (asked.length > 0 && !asked.includes(from.model)) continue;
    done.add(from.model);
    const one = await fitOne(record, from, profile, hosts);
    rows.push(...one.rows);
    bars.push(...one.bars);
    errors.push(...one.errors);
  }
  if (errors.length > 0)
    bars.push(atMost('error of predicted speed-ups, median', digits(median(errors)), 0.1));
  return { rows, bars };
}
