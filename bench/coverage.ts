// Which models come in, do they agree with other engines, and how fast and how large is a build? (`mutations=5000`)

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '@espalier/ir';
import { errorOf, graphOf } from '../test/support/compiled-models.ts';
import { conformance } from '../test/support/conformance.ts';
import { filledOnnx } from '../test/support/filled-onnx.ts';
import { start } from '../test/support/run-compiled.ts';
import { type Damages, runDamaged } from '../test/support/run-damaged.ts';
import { hasSharedData, sharedData } from '../test/support/shared-data.ts';
import { sileroErrors, sileroGraph } from '../test/support/silero.ts';
import { tfjsCases, tfjsErrorOf, tfjsGraphOf } from '../test/support/tfjs-models.ts';
import { tfliteCases, tfliteGraphOf } from '../test/support/tflite-models.ts';
import { modelCases, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, type Bar, type Report, type Row } from './bars.ts';

/** Of the largest magnitude of each output; weights of TF.js in halves are allowed more. */
const allowed = 1e-4;

const node = (script: string, ...args: readonly string[]): string => {
  const flags = ['--import=tsx', '--conditions=espalier-source', script, ...args];
  const { stdout, status, stderr } = spawnSync(process.execPath, flags, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${script} ended with ${status}: ${stderr}`);
  return stdout;
};

const support = (name: string) => join(import.meta.dirname, '../test/support', name);

/** ONNX's own cases, compiled. */
function cases(): Report {
  let [passed, all] = [0, 0];
  const rows: Row[] = [];
  for (const { name, outcome } of conformance((graph, inputs) => start(graph).run(inputs))) {
    all++;
    if (outcome.kind === 'ran' && outcome.wrong.length === 0) passed++;
    else rows.push({ case: name, why: outcome.kind === 'ran' ? outcome.wrong[0]! : outcome.why });
  }
  const wrong = rows.filter(({ why }) => !/^[A-Z_]+: /.test(String(why))).length;
  rows.push({ case: `${passed} of ${all} conformance cases pass` });
  const percent = Number(((100 * passed) / all).toFixed(2));
  return {
    rows,
    bars: [
      atLeast('conformance cases that pass', percent, 97, '%'),
      atMost('wrong answers', wrong, 0),
    ],
  };
}

/** Every model and skeleton against the outputs that another engine gave. */
function models(): Report {
  const rows: Row[] = [];
  const add = (model: string, error: () => number, most = allowed) => {
    try {
      const off = error();
      rows.push({ model, error: Number(off.toExponential(2)), agrees: off <= most });
    } catch (cause) {
      if (!(cause instanceof EspalierError)) throw cause;
      rows.push({ model, error: cause.code, agrees: false });
    }
  };
  for (const given of modelCases()) add(given.title, () => errorOf(start(graphOf(given)), given));
  for (const given of skeletonCases())
    add(given.title, () => errorOf(start(graphOf(given)), given));
  add('silero_vad_16k', () => Math.max(...Object.values(sileroErrors(sileroGraph()))));
  for (const given of tfjsCases())
    add(
      given.title,
      () => {
        const graph = tfjsGraphOf(given);
        return tfjsErrorOf(graph, start(graph), given);
      },
      given.tolerance,
    );
  for (const given of tfliteCases())
    add(given.title, () => errorOf(start(tfliteGraphOf(given)), given));
  const agreeing = rows.filter(({ agrees }) => agrees).length;
  return { rows, bars: [atLeast('models that agree', agreeing, rows.length)] };
}

interface Build {
  readonly ms: number;
  readonly maxKiB: number;
  readonly weightBytes: number;
}

/** Time and memory from the model's file to the module's bytes, each in a process of its own. */
function builds(): Report {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const wishes = [
    { model: 'yolov4_416', seconds: 10, megabytes: 1500 },
    { model: 'mobilenet_v2', seconds: 1.5, megabytes: undefined },
  ];
  try {
    for (const { model, seconds, megabytes } of wishes) {
      const given = [...skeletonCases()].find((skeleton) => skeleton.model === model);
      if (!given) throw new Error(`${model} is a skeleton`);
      const file = join(folder, `${model}.onnx`);
      writeFileSync(file, filledOnnx(given));
      const build = JSON.parse(node(support('measure-build.ts'), file)) as Build;
      const took = Number((build.ms / 1000).toFixed(2));
      const most = Math.round(build.maxKiB / 1000);
      const ratio = Number(((1024 * build.maxKiB) / build.weightBytes).toFixed(2));
      rows.push({ model, seconds: took, megabytes: most, 'of the weights': ratio });
      bars.push(atMost(`${model}: import, optimise and compile`, took, seconds, 's'));
      if (megabytes === undefined) continue;
      bars.push(atMost(`${model}: memory`, most, megabytes, 'MB'));
      bars.push(atMost(`${model}: memory, of its weights`, ratio, 3, 'times'));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { rows, bars };
}

/** Damaged files end in a coded error or a graph. */
async function mutations(count: number): Promise<Report> {
  const below = (group: string) =>
    readdirSync(sharedData(group), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.onnx') && !file.startsWith('yolov4_416'))
      .map((file) => sharedData(group, file));
  const files = [...below('models'), ...below('skeletons')];
  return reportOf('ONNX', await runDamaged('import-damaged.ts', count, files), count);
}

/** The same for TF.js models: text, numbers, keys and weights. */
async function tfjsMutations(count: number): Promise<Report> {
  const files = [...new Map([...tfjsCases()].map(({ model, file }) => [model, file])).values()];
  const whole = files.filter((file) => file.endsWith('.json'));
  return reportOf('TF.js', await runDamaged('import-damaged-tfjs.ts', count, whole), count);
}

/** The same for TFLite models. */
async function tfliteMutations(count: number): Promise<Report> {
  const files = [...new Set([...tfliteCases()].map(({ file }) => file))];
  return reportOf('TFLite', await runDamaged('import-damaged-tflite.ts', count, files), count);
}

function reportOf(format: string, { lines, maxKiB }: Damages, count: number): Report {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of lines) {
    const key = outcome.split(':')[0]!; // before what it says
    outcomes[key] = (outcomes[key] ?? 0) + 1;
  }
  const slowest = Math.max(...lines.map(({ ms }) => ms)) / 1000;
  return {
    rows: Object.entries(outcomes).map(([outcome, files]) => ({ format, outcome, files })),
    bars: [
      atLeast(`${format}: mutations that end`, lines.length, count),
      atMost(`${format}: mutations that crash`, outcomes.crashed ?? 0, 0),
      atMost(`${format}: slowest mutation`, Number(slowest.toFixed(2)), 5, 's'),
      atMost(`${format}: memory over all mutations`, Math.round(maxKiB / 1000), 1000, 'MB'),
    ],
  };
}

/** Counts everything; `mutations=500` damages fewer files. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData())
    throw new Error(`no shared data at ${sharedData()} (set ESPALIER_DATA): nothing to cover`);
  const word = words.find((one) => one.startsWith('mutations='));
  const count = word ? Number(word.slice('mutations='.length)) : 5000;
  const reports = [
    cases(),
    models(),
    builds(),
    await mutations(count),
    await tfjsMutations(Math.ceil(count * 0.4)),
    await tfliteMutations(Math.ceil(count * 0.3)),
  ];
  return {
    rows: reports.flatMap(({ rows }) => rows),
    bars: reports.flatMap(({ bars }) => bars),
  };
}
