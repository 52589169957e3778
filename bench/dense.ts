// Is a dense network faster compiled than in other engines? (one thread; words choose networks, --node or --chromium one place, --all every skeleton)

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipWithoutChromium } from '../test/support/browser.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, type Bar, type Report, type Row } from './bars.ts';
import { compare } from './peers/compare.ts';
import type { HostName } from './peers/engines.ts';
import { startHost } from './peers/host.ts';
import { writeForAll } from './peers/write-for-all.ts';

/** The networks of the bars. */
const networks = [
  ...['mobilenet_v2', 'resnet18', 'resnet50', 'squeezenet1_1', 'efficientnet_b0'],
  ...['efficientformer_l1', 'yolov4_tiny_416', 'wdsr_x4_b8'],
];

/** How many times as fast as the best peer: over all networks, each one, and some of their own. */
const wishes = {
  chromium: { mean: 1.8, each: 1.15, own: { resnet18: 2.5 } },
  node: { mean: 2, each: 1.2, own: {} },
} as const satisfies Record<HostName, unknown>;

/** The bars of one place. The mean is asked for only where every network of the bars was run. */
function barsOf(place: HostName, ratios: ReadonlyMap<string, number>): Bar[] {
  const { mean, each, own } = wishes[place];
  const title = `${place}, best peer / Espalier`;
  const two = (value: number) => Number(value.toFixed(2));
  const limits: Readonly<Record<string, number>> = own;
  const measured = networks.filter((name) => ratios.has(name));
  const bars = measured.map((name) =>
    atLeast(`${title}: ${name}`, two(ratios.get(name)!), limits[name] ?? each),
  );
  if (measured.length < networks.length) return bars;
  const logs = networks.map((name) => Math.log(ratios.get(name)!));
  const geometric = Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
  return [...bars, atLeast(`${title}: geometric mean`, two(geometric), mean)];
}

/** Which places to run in, and why others are left out. */
function places(flags: readonly string[]): HostName[] {
  const all: readonly HostName[] = ['node', 'chromium'];
  const asked = all.filter((place) => flags.includes(`--${place}`));
  return (asked.length > 0 ? asked : all).filter((place) => {
    if (place === 'node' || !('skip' in skipWithoutChromium)) return true;
    console.log(`skipped in Chromium: ${skipWithoutChromium.skip}`);
    return false;
  });
}

/** Minima, medians and maxima of interleaved runs, and the ratios of the medians. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData()) {
    console.log('skipped: the shared data is not here (set ESPALIER_DATA)');
    return { rows: [], bars: [] };
  }
  const wanted = words.filter((word) => !word.startsWith('--'));
  const chosen = (name: string) =>
    wanted.length > 0 ? wanted.includes(name) : words.includes('--all') || networks.includes(name);
  const rows: Row[] = [];
  const ratios = new Map(places(words).map((place) => [place, new Map<string, number>()]));
  for (const from of skeletonCases()) {
    if (!chosen(from.model)) continue;
    const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
    try {
      const { network, unwritten } = await writeForAll(from, root);
      for (const [place, found] of ratios) {
        const host = await startHost(place, root);
        const compared = await compare(network, place, host, unwritten);
        await host.close();
        rows.push(...compared.rows);
        for (const { engine, minMs, medianMs, empty } of compared.rows)
          console.error(
            `${from.model}, ${place}, ${engine}: ${empty ?? `${minMs} / ${medianMs} ms`}`,
          );
        if (compared.ratio !== undefined) found.set(from.model, compared.ratio);
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
  return { rows, bars: [...ratios].flatMap(([place, found]) => barsOf(place, found)) };
}
