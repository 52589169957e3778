// Are two threads faster than one, and no slower where another process has the core? (words choose networks, --node or --chromium one place)

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compile, moduleText } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';
import { build } from 'esbuild';
import { threadScript } from '../packages/espalier/src/runtime-files.ts';
import { launch, open, serve, skipWithoutChromium } from '../test/support/browser.ts';
import { hasSharedData } from '../test/support/shared-data.ts';
import { type ModelCase, skeletonCases } from '../test/support/trained-models.ts';
import { atLeast, atMost, type Bar, type Report, type Row } from './bars.ts';

const networks = ['resnet50'];
const places = ['node', 'chromium'] as const;
type Place = (typeof places)[number];

const rounds = 6;
const runsARound = 4;
const warmUpMs = 2000;
const lanes = ['one thread', 'two threads'] as const;

/** One network on one or two threads, in a process or page of its own. */
interface Contender {
  /** Milliseconds of each of so many runs, behind one that is not counted. */
  time(runs: number): Promise<number[]>;
  close(): Promise<void>;
}

/** What contenders run: the model's own module, loaded for as many threads as it was asked for. */
const script = `
export async function open(url, threads) {
  const { default: model } = await import(url);
  await model.load({ threads });
  const inputs = Object.fromEntries(Object.entries(model.inputs).map(([name, { shape }]) => [
    name,
    Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i)),
  ]));
  const begin = performance.now();
  while (performance.now() - begin < ${warmUpMs}) await model.run(inputs);
  return async (runs) => {
    await model.run(inputs);
    const times = [];
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      await model.run(inputs);
      times.push(performance.now() - start);
    }
    return times;
  };
}
`;

const nodeScript = `
import { open } from './contender.js';

const time = await open(process.argv[2], Number(process.argv[3]));
process.on('message', async (runs) => process.send(await time(runs)));
process.on('disconnect', () => process.exit());
process.send('ready');
`;

/** Writes a network compiled for two threads, and what runs it. */
async function write({ file, fill }: ModelCase, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const graph = importOnnx(readFileSync(file), { file, fill: (name: string) => fill?.(name) });
  const { program, modules, weights } = compile(graph, { threads: 2 });
  const url = (name: string) => `new URL('./${name}', import.meta.url)`;
  const contents = moduleText([program], '@espalier/runtime', {
    plain: url('plain.wasm'),
    relaxed: url('relaxed.wasm'),
    weights: url('weights.bin'),
    thread: url('thread.js'),
  });
  const files = {
    'plain.wasm': modules.plain,
    'relaxed.wasm': modules.relaxed,
    'weights.bin': weights,
    'thread.js': await threadScript(),
    'contender.js': script,
    'node.js': nodeScript,
    'package.json': '{ "type": "module" }',
    'page.js': "import { open } from './contender.js'; globalThis.begin = open;",
    'index.html':
      '<!doctype html><title>threads</title><script type="module" src="page.js"></script>',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    format: 'esm',
    conditions: ['espalier-source'],
    outfile: join(folder, 'net.js'),
    logLevel: 'error',
  });
}

async function inNode(folder: string, threads: number): Promise<Contender> {
  const net = pathToFileURL(join(folder, 'net.js')).href;
  const child = fork(join(folder, 'node.js'), [net, String(threads)], { execArgv: [] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`its process ended with ${code}`);
  });
  // It ends by our own hand in the end.
  ended.catch(() => {});
  const answer = async () => (await Promise.race([once(child, 'message'), ended]))[0] as unknown;
  await answer();
  return {
    time(runs) {
      child.send(runs);
      return answer() as Promise<number[]>; // what the script sends
    },
    async close() {
      child.kill();
    },
  };
}

/** In an isolated page of a browser of its own. */
async function inChromium(folder: string, threads: number): Promise<Contender> {
  const served = await serve(folder, {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  const browser = await launch();
  const { page } = await open(browser, served.url);
  await page.waitForFunction('globalThis.begin');
  await page.evaluate(`begin('./net.js', ${threads}).then((time) => { globalThis.time = time; })`);
  return {
    time: (runs) => page.evaluate<number[]>(`time(${runs})`),
    async close() {
      await browser.close();
      await served.close();
    },
  };
}

/** Keeps a core busy, and ends by itself should nobody end it. */
const busyLoop = 'const end = Date.now() + 120_000; while (Date.now() < end);';

/** Keeps a core busy until it is told to end. */
function keepBusy(): () => void {
  const child = spawn(process.execPath, ['-e', busyLoop], { stdio: 'ignore' });
  return () => child.kill();
}

/** Both contenders, turn and turn about. */
async function compare(contenders: readonly Contender[]): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, contender] of contenders.entries())
      times[i]!.push(...(await contender.time(runsARound)));
  return times.map((list) => list.sort((a, b) => a - b));
}

const two = (value: number): number => Number(value.toFixed(2));
const middle = (sorted: readonly number[]): number => sorted[sorted.length >> 1]!;

async function measure(
  network: string,
  place: Place,
  folder: string,
): Promise<{ rows: Row[]; bars: Bar[] }> {
  const start = place === 'node' ? inNode : inChromium;
  const contenders = [await start(folder, 1), await start(folder, 2)];
  const rows: Row[] = [];
  const ratios: number[] = [];
  try {
    // With a free core first, then with a process that never sleeps on it.
    for (const others of [0, availableParallelism() - 1]) {
      const ends = Array.from({ length: others }, keepBusy);
      const times = await compare(contenders);
      for (const end of ends) end();
      const [one, both] = times as [number[], number[]];
      ratios.push(middle(one) / middle(both));
      for (const [i, sorted] of times.entries())
        rows.push({
          network,
          place,
          cores: others ? 'others busy' : 'free',
          threads: lanes[i]!,
          minMs: two(sorted[0]!),
          medianMs: two(middle(sorted)),
          maxMs: two(sorted.at(-1)!),
          runs: sorted.length,
        });
    }
  } finally {
    for (const contender of contenders) await contender.close();
  }
  const [free, busy] = ratios as [number, number];
  return {
    rows,
    bars: [
      atLeast(`${place}, ${network}: one thread / two, cores free`, two(free), 1.7),
      atMost(`${place}, ${network}: two threads / one, others busy`, two(1 / busy), 1.3),
    ],
  };
}

/** Minima, medians and maxima of interleaved runs, with free and with busy cores. */
export async function run(words: readonly string[]): Promise<Report> {
  if (!hasSharedData() || availableParallelism() < 2) {
    console.log(`skipped: there is no ${hasSharedData() ? 'second core' : 'shared data'} here`);
    return { rows: [], bars: [] };
  }
  const chosen = words.filter((word) => !word.startsWith('--'));
  const asked = places.filter((place) => words.includes(`--${place}`));
  const rows: Row[] = [];
  const bars: Bar[] = [];
  for (const from of skeletonCases()) {
    if (!(chosen.length > 0 ? chosen : networks).includes(from.model)) continue;
    const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
    try {
      await write(from, folder);
      for (const place of asked.length > 0 ? asked : places) {
        if (place === 'chromium' && 'skip' in skipWithoutChromium) {
          console.log(`skipped in Chromium: ${skipWithoutChromium.skip}`);
          continue;
        }
        const found = await measure(from.model, place, folder);
        rows.push(...found.rows);
        bars.push(...found.bars);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return { rows, bars };
}
