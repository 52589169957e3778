// Are layers in eight bits fast, and do they decide as floats do? (Chromium, one thread; words choose networks)

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type Sample } from '@espalier/compiler';
import type { Tensor } from '@espalier/ir';
import { skipWithoutChromium } from '../test/support/browser.ts';
import { cifar10, topClass } from '../test/support/cifar10.ts';
import { start } from '../test/support/run-compiled.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, type Bar, type Report, type Row } from './bars.ts';
import { tfliteInt8 } from './peers/convert/tflite-int8.ts';
import { toPeer } from './peers/convert/to-peer.ts';
import { engines } from './peers/engines.ts';
import { type Contender, startHost } from './peers/host.ts';
import { writeNetwork } from './peers/network.ts';
import { reasonOf } from './peers/reason.ts';
import { median } from './support/networks.ts';

/** How many times as fast as LiteRT.js in eight bits, by network. */
const wishes: Readonly<Record<string, number>> = { mobilenet_v2: 1.15, resnet18: 1, resnet50: 1 };

/** What is timed: an engine, with the files that it finds in one of the root's folders. */
const lanes = [
  { title: 'Espalier f32', engine: 'Espalier', folder: 'f32' },
  { title: 'Espalier int8', engine: 'Espalier', folder: 'int8' },
  { title: 'LiteRT.js int8', engine: 'LiteRT.js', folder: 'int8' },
] as const;

type Title = (typeof lanes)[number]['title'];

const rounds = 10;
const runsARound = 4;

/** Outputs that differ more from those in floats are those of another network. */
const tolerance = 0.05;

/** Pictures to calibrate on, and the part of all whose class has to stay. */
const calibrated = 32;
const agreement = 0.98;

/** A case's inputs as a sample. */
const sampleOf = ({ inputs }: ModelCase): Sample =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { shape, data }]): [string, Tensor] => [
      name,
      { type: { dtype: 'f32', shape }, data },
    ]),
  );

/** Writes a network for every lane: its floating-point operations, and why it is not written for a lane. */
async function write(
  from: ModelCase,
  root: string,
): Promise<{ flops: number; empty: Map<Title, string> }> {
  const empty = new Map<Title, string>();
  const floats = writeNetwork(from, join(root, 'f32'));
  // The same task for both, so that errors are those against floats.
  const integers = writeNetwork(from, join(root, 'int8'));
  const sample = sampleOf(from);
  const compiled = compile(floats.graph, { precision: 'int8', samples: [sample] });
  await engines.Espalier.write(floats, join(root, 'f32', 'Espalier'));
  await engines.Espalier.write({ ...integers, compiled }, join(root, 'int8', 'Espalier'));
  try {
    const inputs = floats.graph.inputs.map(({ name }) => sample[name!]!);
    const bytes = tfliteInt8(toPeer(floats.graph), inputs);
    mkdirSync(join(root, 'int8', 'LiteRT.js'));
    writeFileSync(join(root, 'int8', 'LiteRT.js', 'net.tflite'), bytes);
  } catch (error) {
    empty.set('LiteRT.js int8', reasonOf(error));
  }
  return { flops: floats.flops, empty };
}

/** One network in every lane, turn and turn about, after all are warm. */
async function time(from: ModelCase): Promise<{ rows: Row[]; bars: Bar[] }> {
  const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    const { flops, empty } = await write(from, root);
    const host = await startHost('chromium', root);
    const entered: { title: Title; contender: Contender; error: number; times: number[] }[] = [];
    for (const { title, engine, folder } of lanes) {
      if (empty.has(title)) continue;
      const contender = await host.contender(engine);
      try {
        await contender.open(folder);
        const error = await contender.error();
        if (!(error <= tolerance)) throw new Error(`its outputs differ by ${error.toFixed(2)}`);
        entered.push({ title, contender, error, times: [] });
      } catch (error) {
        empty.set(title, reasonOf(error));
        await contender.close();
      }
    }
    for (let round = 0; round < rounds; round++)
      for (const { contender, times } of entered) times.push(...(await contender.time(runsARound)));
    for (const { contender } of entered) await contender.close();
    await host.close();

    const two = (value: number) => Number(value.toFixed(2));
    const medians = new Map<Title, number>();
    const rows = entered.map(({ title, error, times }): Row => {
      const middle = median(times);
      medians.set(title, middle);
      return {
        network: from.model,
        engine: title,
        minMs: two(Math.min(...times)),
        medianMs: two(middle),
        maxMs: two(Math.max(...times)),
        gops: Number((flops / middle / 1e6).toFixed(1)),
        error: Number(error.toPrecision(2)),
      };
    });
    const missing = [...empty].map(([engine, why]): Row => {
      return { network: from.model, engine, empty: why };
    });
    const [ours, theirs] = [medians.get('Espalier int8'), medians.get('LiteRT.js int8')];
    const bars =
      ours && theirs
        ? [
            atLeast(
              `${from.model}: LiteRT.js int8 / Espalier int8`,
              two(theirs / ours),
              wishes[from.model]!,
            ),
          ]
        : [];
    return { rows: [...rows, ...missing], bars };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** How often a trained network decides the same in floats and in integers. */
function decide(): { row: Row; bar: Bar } {
  const { graph, pictures } = cifar10();
  const floats = start(graph);
  const integers = start(graph, { precision: 'int8', samples: pictures.slice(0, calibrated) });
  const agreeing = pictures.filter(
    (picture) => topClass(floats.run(picture)) === topClass(integers.run(picture)),
  );
  const part = agreeing.length / pictures.length;
  return {
    row: { network: 'resnet20_cifar10', engine: 'Espalier int8', pictures: pictures.length, part },
    bar: atLeast('resnet20_cifar10, top-1 agreement with f32', part, agreement),
  };
}

/** Minima, medians and maxima of interleaved runs, and agreement on 500 pictures. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const { row, bar } = decide();
  const [rows, bars] = [[row], [bar]];
  if ('skip' in skipWithoutChromium) {
    console.log(`times skipped: ${skipWithoutChromium.skip}`);
    return { rows, bars };
  }
  const wanted = words.filter((word) => !word.startsWith('--'));
  for (const from of skeletonCases()) {
    if (!wishes[from.model] || (wanted.length > 0 && !wanted.includes(from.model))) continue;
    const timed = await time(from);
    rows.push(...timed.rows);
    bars.push(...timed.bars);
  }
  return { rows, bars };
}
