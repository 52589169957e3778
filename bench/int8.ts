// Are layers in eight bits fast, and do they decide as floats do? (Chromium, one thread; words choose networks)

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type Sample } from '@espalier/compiler';
import type { Tensor } from '@espalier/ir';
import { skipWithoutChromium } from '../test/support/browser.ts';
import { cifar10, topClass } from '../test/support/cifar10.ts';
import { start } from '../test/support/run-compiled.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, type Bar, type Report, type Row } from './bars.ts';
import { engines } from './peers/engines.ts';
import { startHost } from './peers/host.ts';
import { type Network, writeNetwork } from './peers/network.ts';

/**
 * Medians in ms of LiteRT.js 2.5 in int8 on the machine that this project is measured on, and how many times as
 * fast ours has to be. No model that it would take can be written here, so it is not run again.
 */
const recorded: Readonly<Record<string, { readonly ms: number; readonly times: number }>> = {
  mobilenet_v2: { ms: 12.8, times: 1.15 },
  resnet18: { ms: 25.3, times: 1 },
  resnet50: { ms: 54.4, times: 1 },
};

const rounds = 7;
const runsARound = 5;

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

/** One network in floats and in integers, turn and turn about. */
async function time(from: ModelCase): Promise<{ rows: Row[]; bar: Bar }> {
  const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    const floats = writeNetwork(from, join(root, 'f32'));
    writeNetwork(from, join(root, 'int8'));
    const integers: Network = {
      ...floats,
      compiled: compile(floats.graph, { precision: 'int8', samples: [sampleOf(from)] }),
    };
    const precisions = { f32: floats, int8: integers } as const;
    for (const [name, network] of Object.entries(precisions)) {
      const folder = join(root, name, 'Espalier');
      mkdirSync(folder, { recursive: true });
      await engines.Espalier.write(network, folder);
    }
    const host = await startHost('chromium', root);
    const contenders = [];
    for (const precision of ['f32', 'int8'] as const) {
      const contender = await host.contender('Espalier');
      await contender.open(precision);
      contenders.push({ precision, contender, times: [] as number[] });
    }
    for (let round = 0; round < rounds; round++)
      for (const { contender, times } of contenders)
        times.push(...(await contender.time(runsARound)));
    const { ms, times: faster } = recorded[from.model]!;
    const rows = contenders.map(({ precision, times }): Row => {
      const sorted = times.sort((a, b) => a - b);
      const median = sorted[sorted.length >> 1]!;
      const two = (value: number) => Number(value.toFixed(2));
      return {
        network: from.model,
        engine: `Espalier ${precision}`,
        minMs: two(sorted[0]!),
        medianMs: two(median),
        maxMs: two(sorted.at(-1)!),
        gops: Number((floats.flops / median / 1e6).toFixed(1)),
        weightMB: two(precisions[precision].compiled.weights.length / 1e6),
      };
    });
    for (const { contender } of contenders) await contender.close();
    await host.close();
    const median = Number(rows.at(-1)!.medianMs);
    const limit = Number((ms / faster).toFixed(1));
    const peer: Row = {
      network: from.model,
      engine: 'LiteRT.js int8',
      empty: `${ms} ms when it was measured`,
    };
    return { rows: [...rows, peer], bar: atMost(`${from.model}, median`, median, limit, 'ms') };
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
    if (!recorded[from.model] || (wanted.length > 0 && !wanted.includes(from.model))) continue;
    const timed = await time(from);
    rows.push(...timed.rows);
    bars.push(timed.bar);
  }
  return { rows, bars };
}
