// Do zeros pay? (words: layers, networks, size; --node or --chromium one place for layers)

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { compile } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import { skipWithoutChromium } from '../test/support/browser.ts';
import { filledOnnx } from '../test/support/filled-onnx.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, type Bar, type Report, type Row } from './bars.ts';
import { compare } from './peers/compare.ts';
import type { HostName } from './peers/engines.ts';
import { startHost } from './peers/host.ts';
import { writeForAll } from './peers/write-for-all.ts';
import {
  blocksOf,
  kernelBlocks,
  type Pruning,
  prunedNetwork,
  singleWeights,
} from './support/pruned-network.ts';
import { compareLayers } from './support/sparse-layers.ts';

/** A pruned network, and how many times as fast as which peer it has to be. */
interface Trial {
  readonly model: string;
  readonly sparsity: number;
  readonly pruning: { readonly pointwise?: Pruning; readonly larger?: Pruning };
  readonly title: string;
  readonly peer: 'LiteRT.js' | 'best';
  readonly times: number;
  /** Its time in int8 in ms, recorded: no int8 model that LiteRT.js would take can be written here. */
  readonly int8?: number;
}

const blocks = { pointwise: blocksOf(8), larger: kernelBlocks };

const trials: readonly Trial[] = [
  ...[0.7, 0.8, 0.9].map(
    (sparsity): Trial => ({
      model: 'mobilenet_v2',
      sparsity,
      pruning: { pointwise: singleWeights },
      title: 'single weights',
      peer: 'LiteRT.js',
      times: 1.15,
    }),
  ),
  {
    model: 'mobilenet_v2',
    sparsity: 0.8,
    pruning: { pointwise: blocksOf(4) },
    title: 'blocks of 4',
    peer: 'LiteRT.js',
    times: 1.3,
  },
  {
    model: 'resnet18',
    sparsity: 0.8,
    pruning: blocks,
    title: 'blocks of 8',
    peer: 'best',
    times: 6,
    int8: 25.3,
  },
  {
    model: 'resnet50',
    sparsity: 0.8,
    pruning: blocks,
    title: 'blocks of 8',
    peer: 'best',
    times: 4,
    int8: 54.4,
  },
];

/** How many times as fast as LiteRT.js in eight bits. */
const timesInt8 = 1.5;

const caseOf = (model: string): ModelCase | undefined =>
  [...skeletonCases()].find((each) => each.model === model);

async function race(trial: Trial): Promise<{ rows: Row[]; bars: Bar[] }> {
  const from = caseOf(trial.model)!;
  const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    const change = (graph: Graph) => prunedNetwork(graph, trial.sparsity, trial.pruning);
    const { network, unwritten } = await writeForAll(from, root, change);
    const host = await startHost('chromium', root);
    const { rows } = await compare(network, 'chromium', host, unwritten);
    await host.close();
    const title = `${trial.model}, ${100 * trial.sparsity}% zeros, ${trial.title}`;
    const medianOf = (engine: string) =>
      rows.find((row) => row.engine === engine)?.medianMs as number | undefined;
    const ours = medianOf('Espalier')!;
    const peers = rows.filter((row) => row.engine !== 'Espalier' && row.medianMs !== undefined);
    const peer =
      trial.peer === 'best'
        ? Math.min(...peers.map((row) => row.medianMs as number))
        : (medianOf(trial.peer) ?? Number.NaN);
    const two = (value: number) => Number(value.toFixed(2));
    const bars = [
      atLeast(`${title}: ${trial.peer} peer / Espalier`, two(peer / ours), trial.times),
    ];
    if (trial.int8 !== undefined)
      bars.push(
        atLeast(
          `${title}: LiteRT.js int8 (recorded, dense) / Espalier f32`,
          two(trial.int8 / ours),
          timesInt8,
        ),
      );
    return { rows: rows.map((row) => ({ ...row, network: title })), bars };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const brotli = (bytes: Uint8Array): number =>
  brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length;

/** What is sent of a network with few weights. */
function assets(): { row: Row; bar: Bar } {
  const from = caseOf('resnet50')!;
  const onnx = filledOnnx(from);
  const graph = prunedNetwork(importOnnx(onnx, { file: from.file }), 0.8, blocks);
  const { modules, weights } = compile(graph, { weights: 'f16' });
  const ours = brotli(weights) + brotli(modules.relaxed);
  const theirs = brotli(onnx);
  const row = { network: 'resnet50, 80% zeros, f16', assets: ours, onnx: theirs };
  return {
    row,
    bar: atMost(
      'resnet50, 80% zeros, f16: assets / dense ONNX file, both as brotli',
      Number((ours / theirs).toFixed(3)),
      0.3,
    ),
  };
}

/** Layers alone, networks beside the peers, bytes. */
export async function run(words: readonly string[]): Promise<Report> {
  const parts = words.filter((word) => !word.startsWith('--'));
  const asked = (part: string) => parts.length === 0 || parts.includes(part);
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const chromium = !('skip' in skipWithoutChromium);
  if ('skip' in skipWithoutChromium) console.log(`Chromium skipped: ${skipWithoutChromium.skip}`);
  const places: HostName[] = chromium ? ['node', 'chromium'] : ['node'];
  const chosen = places.filter((place) => words.includes(`--${place}`));
  const add = (part: { readonly rows: readonly Row[]; readonly bars: readonly Bar[] }) => {
    rows.push(...part.rows);
    bars.push(...part.bars);
    for (const { name, value, want, holds } of part.bars)
      console.error(`${holds ? 'holds' : 'FAILS'}  ${name}: ${value} (want ${want})`);
  };
  if (asked('layers'))
    for (const place of chosen.length > 0 ? chosen : places) add(await compareLayers(place));
  if (!hasSharedData()) {
    console.log('networks skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows, bars };
  }
  if (asked('networks') && chromium) for (const trial of trials) add(await race(trial));
  if (asked('size')) {
    const { row, bar } = assets();
    add({ rows: [row], bars: [bar] });
  }
  return { rows, bars };
}
