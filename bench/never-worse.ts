// Is no fitted network slower than dense, or worse than it may be? (words choose networks; synthetic inputs)

import { readFileSync } from 'node:fs';
import { type Profile, profileOf } from '@espalier/compiler';
import { openModel } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import { agreementOf, createRun } from '@espalier/search';
import { canonical, searchModel } from '../packages/espalier/src/fit/search-model.ts';
import { findInputs, syntheticSamples } from '../packages/espalier/src/inputs/index.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, modelCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, digits, type Report, type Row } from './bars.ts';
import { calibratedHost } from './support/host.ts';
import { timeBoth } from './support/time-both.ts';

const drop = 0.01;

/** Timings of equal programs differ by some percent from run to run. */
const leastSpeedup = 0.97;

/** Fresh inputs are few, and agreement is counted on them. */
const freshInputs = 16;

/** A model with the shapes of its case. */
function importCase({ file, inputs }: ModelCase): Graph {
  const shapes = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => [name, shape]),
  );
  const external = () => new Uint8Array();
  return openModel(readFileSync(file), { file, external }).import({ shapes, values: {} });
}

async function fitTo(from: ModelCase, source: Graph, profile: Profile): Promise<Row> {
  const dense = canonical(source).graph;
  const fitted = await searchModel({
    source,
    profile,
    wish: { drop, effort: 8, seed: 1, pins: {} },
    inputs: await findInputs('', '.'),
    preprocessing: {},
    task: undefined,
    cache: undefined,
  });
  const common: Row = {
    network: from.model,
    target: profile.name,
    accepted: fitted.accepted,
    predicted: digits(fitted.dense.ms / fitted.shipped.ms),
    heldOut: digits(fitted.shipped.score),
  };
  if (!fitted.accepted) return common;
  const fresh = syntheticSamples(source, {}, 7).slice(0, freshInputs);
  const score = agreementOf(dense)(fresh.map(createRun(dense)), fresh.map(createRun(fitted.graph)));
  if (profile.name !== 'local') return { ...common, fresh: digits(score) };
  const ms = await timeBoth('node', from, { dense, fitted: fitted.graph }, profile);
  return { ...common, fresh: digits(score), measured: digits(ms.dense / ms.fitted) };
}

/** Every trained network on two phones and on this machine. `--profile file` keeps the calibration. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const { profile } = await calibratedHost();
  const profiles = [{ ...profile, name: 'local' }, profileOf('s20'), profileOf('iphone12')];
  const wanted = words.filter((word) => /^[a-z]/.test(word) && !word.endsWith('.json'));
  const rows: Row[] = [];
  const done = new Set<string>();
  for (const from of modelCases()) {
    if (done.has(from.model) || (wanted.length > 0 && !wanted.includes(from.model))) continue;
    done.add(from.model);
    const source = importCase(from);
    for (const each of profiles) rows.push(await fitTo(from, source, each));
  }
  const accepted = rows.filter((row) => row.accepted === true);
  const beyond = accepted.filter(({ heldOut }) => (heldOut as number) < 1 - drop - 1e-4);
  const slower = accepted.filter(({ predicted }) => (predicted as number) <= 1);
  const measured = accepted.flatMap((row) =>
    typeof row.measured === 'number' ? [row.measured] : [],
  );
  return {
    rows,
    bars: [
      atMost('accepted plans beyond their drop', beyond.length, 0),
      atMost('accepted plans predicted to be slower', slower.length, 0),
      ...(measured.length > 0
        ? [
            atLeast(
              'least measured speed-up of an accepted plan',
              Math.min(...measured),
              leastSpeedup,
            ),
          ]
        : []),
    ],
  };
}
