// How long from the import to the first result, and how much memory? (Chromium, a fresh one for every start; words choose networks)

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve, skipWithoutChromium } from '../test/support/browser.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { skeletonCases } from '../test/support/trained-models.ts';
import { atMost, type Bar, type Report, type Row } from './bars.ts';
import { type Engine, type EngineName, engineNames, engines } from './peers/engines.ts';
import { bundle } from './peers/host.ts';
import { writeForAll } from './peers/write-for-all.ts';
import { visit } from './support/fresh-browser.ts';
import { median } from './support/networks.ts';

const networks = ['mobilenet_v2', 'resnet50'];
const starts = 7;

/** One start: milliseconds to the first result, and the page's greatest resident memory. */
interface Start {
  readonly ms: number;
  readonly peakMB: number | undefined;
}

/** How long a browser has to come to rest before the clock starts: its own start is not what is timed. */
const restMs = 1000;

/** The page's script: everything an app loads for a model is loaded behind the clock's start. */
const script = `
  import { read } from './task.ts';
  const { engine, network } = Object.fromEntries(new URLSearchParams(location.search));
  const at = (path) => new URL(path, location.href).href;
  const task = JSON.parse(new TextDecoder().decode(await read(at(network + '/task.json'))));
  // What is in the picture does not matter to the time, so that its order does not either.
  const inputs = await Promise.all(
    task.inputs.map(async ({ file }) => new Float32Array((await read(at(network + '/' + file))).buffer)),
  );
  await new Promise((resolve) => setTimeout(resolve, ${restMs}));
  const begin = performance.now();
  if (engine !== 'none') {
    const driverUrl = at(engine + '.js');
    const { driver } = await import(driverUrl);
    const places = { network: at(network + '/' + engine + '/'), assets: at(engine + '/') };
    const session = await driver.open(places, task);
    await session.run(inputs);
  }
  const ms = performance.now() - begin;
  await fetch(at('said'), { method: 'POST', body: String(ms) });
`;

/** A driver and its peer's files, as an app would ship them. */
async function writeDriver(root: string, name: EngineName): Promise<void> {
  const engine: Engine = engines[name];
  if (engine.assets) symlinkSync(engine.assets(), join(root, name));
  const contents = `export { driver } from './drivers/${engine.driver}.ts';`;
  await bundle(contents, join(root, `${name}.js`));
}

/** Opens the page of an engine and a network; what it sends is its time. */
type Open = (engine: EngineName | 'none') => Promise<Start>;

/** Medians of starts, turn and turn about. */
async function compare(
  network: string,
  names: readonly EngineName[],
  open: Open,
): Promise<{ rows: Row[]; bars: Bar[] }> {
  const found = new Map<EngineName | 'none', Start[]>();
  for (let round = 0; round < starts; round++)
    for (const name of ['none', ...names] as const)
      found.set(name, [...(found.get(name) ?? []), await open(name)]);
  const peakOf = (name: EngineName | 'none') => {
    const peaks = found.get(name)!.map(({ peakMB }) => peakMB);
    return peaks.every((peak) => peak !== undefined) ? median(peaks) : undefined;
  };
  const blank = peakOf('none');
  const figures = names.map((name) => {
    const times = found.get(name)!.map(({ ms }) => ms);
    const peak = peakOf(name);
    const above = peak === undefined || blank === undefined ? undefined : peak - blank;
    return { name, times, ms: median(times), above };
  });
  const rows = figures.map(({ name, times, ms, above }): Row => {
    const [minMs, maxMs] = [Math.min(...times), Math.max(...times)];
    const rounded = [minMs, ms, maxMs].map(Math.round) as [number, number, number];
    return {
      network,
      engine: name,
      minMs: rounded[0],
      medianMs: rounded[1],
      maxMs: rounded[2],
      peakMBOverBlank: above === undefined ? null : Math.round(above),
    };
  });
  const [ours, ...peers] = figures;
  if (ours?.name !== 'Espalier' || peers.length === 0) return { rows, bars: [] };
  const share = ours.ms / Math.min(...peers.map(({ ms }) => ms));
  const bars = [atMost(`${network}: cold start / best peer's`, Number(share.toFixed(2)), 0.33)];
  const peaks = peers.map(({ above }) => above).filter((above) => above !== undefined);
  if (ours.above === undefined || peaks.length < peers.length) return { rows, bars };
  const memory = ours.above / Math.min(...peaks);
  return {
    rows,
    bars: [...bars, atMost(`${network}: peak memory / best peer's`, Number(memory.toFixed(2)), 1)],
  };
}

/** Medians of fresh starts. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData() || 'skip' in skipWithoutChromium) {
    const without = hasSharedData() ? 'Chromium' : 'shared data (set ESPALIER_DATA)';
    console.log(`skipped: there is no ${without} here`);
    return { rows: [], bars: [] };
  }
  const rows: Row[] = [];
  const bars: Bar[] = [];
  const chosen = words.length > 0 ? words : networks;
  for (const from of skeletonCases()) {
    if (!chosen.includes(from.model)) continue;
    const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
    let tell: (said: string) => void = () => undefined;
    const served = await serve(root, {}, (said) => tell(said));
    const open: Open = async (engine) => {
      const said = new Promise<string>((resolve) => {
        tell = resolve;
      });
      const query = new URLSearchParams({ engine, network: from.model });
      const { said: ms, peakMB } = await visit(`${served.url}/cold.html?${query}`, said);
      return { ms: Number(ms), peakMB };
    };
    try {
      const { unwritten } = await writeForAll(from, root);
      for (const name of engineNames) await writeDriver(root, name);
      await bundle(script, join(root, 'cold.js'));
      const html =
        '<!doctype html><title>cold</title><body><script type="module" src="cold.js"></script>';
      writeFileSync(join(root, 'cold.html'), html);
      const names = engineNames.filter((name) => !unwritten.has(name));
      const compared = await compare(from.model, names, open);
      rows.push(...compared.rows);
      bars.push(...compared.bars);
    } finally {
      await served.close();
      rmSync(root, { recursive: true, force: true });
    }
  }
  return { rows, bars };
}
