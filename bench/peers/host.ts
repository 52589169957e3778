// A place where engines run, each in a process or page of its own.

import { fork } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { launch, open, serve } from '../../test/support/browser.ts';
import { type Engine, type EngineName, engineNames, engines, type HostName } from './engines.ts';
import type { Answer, Ask } from './node-stand.ts';
import { peakModule } from './peak.ts';
import type { Stand } from './stand.ts';

/** A stand in a place of its own. */
export interface Contender extends Omit<Stand, 'open'> {
  /** Loads the network whose folder this is, under the root that the host was made with. */
  open(network: string): Promise<void>;
  /** GFLOP/s of multiply-adds that stay in registers. */
  peak(): Promise<number>;
  close(): Promise<void>;
}

/** Starts contenders. */
export interface Host {
  contender(name: EngineName): Promise<Contender>;
  close(): Promise<void>;
}

/** One process an engine. */
function nodeHost(root: string): Host {
  return {
    async contender(name) {
      const child = fork(join(import.meta.dirname, 'node-stand.ts'), [engines[name].driver]);
      const waiting = new Map<number, { resolve(value: unknown): void; reject(e: Error): void }>();
      let last = 0;
      child.on('message', ({ id, result, error }: Answer) => {
        const call = waiting.get(id);
        waiting.delete(id);
        if (error === undefined) call?.resolve(result);
        else call?.reject(new Error(error));
      });
      child.on('exit', (code) => {
        for (const { reject } of waiting.values())
          reject(new Error(`its process ended with ${code}`));
      });
      const ask = <T>(call: Ask['call'], ...args: unknown[]): Promise<T> =>
        new Promise((resolve, reject) => {
          const id = ++last;
          // The stand answers with what its method returns.
          waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
          child.send({ id, call, args } satisfies Ask);
        });
      return {
        open(network) {
          const folder = `${pathToFileURL(join(root, network))}/`;
          return ask('open', { network: `${folder}${name}/`, assets: 'file:' }, folder);
        },
        error: () => ask('error'),
        time: (count) => ask('time', count),
        peak: () => ask('peak'),
        async close() {
          child.kill();
        },
      };
    },
    async close() {},
  };
}

/** What a page offers to its owner. */
interface StandPage {
  readonly stand: Stand;
  peak(): Promise<number>;
}

/** One page an engine, each in a context of its own and so in a process of its own. */
async function chromiumHost(root: string): Promise<Host> {
  for (const name of engineNames) await writePage(root, name);
  const served = await serve(root);
  const browser = await launch();
  return {
    async contender(name) {
      const { page, complaints } = await open(browser, `${served.url}/pages/${name}.html`);
      await page.waitForFunction(() => 'stand' in globalThis);
      /** Errors of the page, and not only where they were thrown, say why. */
      const explained = async <T>(work: Promise<T>): Promise<T> => {
        try {
          return await work;
        } catch (error) {
          const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
          throw new Error([reason, ...complaints].join('; '));
        }
      };
      return {
        open(network) {
          const folder = `${served.url}/${network}/`;
          const places = { network: `${folder}${name}/`, assets: `${served.url}/pages/${name}/` };
          return explained(
            page.evaluate(
              ([at, from]) => (globalThis as unknown as StandPage).stand.open(at, from),
              [places, folder] as const,
            ),
          );
        },
        error: () =>
          explained(page.evaluate(() => (globalThis as unknown as StandPage).stand.error())),
        time: (count) =>
          explained(
            page.evaluate((n) => (globalThis as unknown as StandPage).stand.time(n), count),
          ),
        peak: () => explained(page.evaluate(() => (globalThis as unknown as StandPage).peak())),
        close: () => page.context().close(),
      };
    },
    async close() {
      await browser.close();
      await served.close();
    },
  };
}

/** The page of an engine: its stand, and beside it the files that it fetches. */
async function writePage(root: string, name: EngineName): Promise<void> {
  const engine: Engine = engines[name];
  const pages = join(root, 'pages');
  mkdirSync(pages, { recursive: true });
  if (engine.assets) symlinkSync(engine.assets(), join(pages, name));
  const peak = (relaxed: boolean) => `new Uint8Array([${peakModule(relaxed)}])`;
  const contents = `
    import { driver } from './drivers/${engine.driver}.ts';
    import { measurePeak } from './peak.ts';
    import { createStand } from './stand.ts';
    globalThis.peak = () => measurePeak(${peak(false)}, ${peak(true)});
    globalThis.stand = createStand(driver);
  `;
  await bundle(contents, join(pages, `${name}.js`));
  const html = `<!doctype html><title>${name}</title><body><script type="module" src="${name}.js"></script>`;
  writeFileSync(join(pages, `${name}.html`), html);
}

/** Bundles a script for pages, whose imports are relative to this folder. */
export async function bundle(contents: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['espalier-source', 'browser'],
    external: ['node:*'],
    outfile,
    logLevel: 'error',
  });
}

/** Starts a host over a folder of networks. */
export const startHost = (host: HostName, root: string): Host | Promise<Host> =>
  host === 'node' ? nodeHost(root) : chromiumHost(root);
