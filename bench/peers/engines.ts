// The engines of a comparison. A new one is a driver, and an entry here.

import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { moduleText } from '@espalier/compiler';
import { build } from 'esbuild';
import { tfjs } from './convert/tfjs.ts';
import { tflite } from './convert/tflite.ts';
import { toPeer } from './convert/to-peer.ts';
import type { Network } from './network.ts';

/** Where engines run. */
export type HostName = 'node' | 'chromium';

/** One contender. */
export interface Engine {
  /** File name of its driver, in `drivers/`. */
  readonly driver: string;
  /** Where it is a peer. */
  readonly hosts: readonly HostName[];
  /** Folder of the files that it fetches at run time. */
  assets?(): string;
  /** Writes a network as this engine takes it; throws, with the reason, if that is impossible. */
  write(network: Network, folder: string): Promise<void>;
}

const require = createRequire(import.meta.url);

/** Every engine, ours first. */
export const engines = {
  Espalier: {
    driver: 'espalier',
    hosts: ['node', 'chromium'],
    write: writeEspalier,
  },
  'onnxruntime-web': {
    driver: 'onnxruntime-web',
    hosts: ['node', 'chromium'],
    assets: () => dirname(require.resolve('onnxruntime-web/wasm')),
    async write(network, folder) {
      writeFileSync(join(folder, 'net.onnx'), network.onnx());
    },
  },
  // Made for browsers; in Node it runs only with globals put in its way.
  'LiteRT.js': {
    driver: 'litert',
    hosts: ['chromium'],
    assets: () => join(dirname(require.resolve('@litertjs/core/package.json')), 'wasm'),
    async write(network, folder) {
      writeFileSync(join(folder, 'net.tflite'), tflite(toPeer(network.graph)));
    },
  },
  'tfjs-wasm': {
    driver: 'tfjs-wasm',
    hosts: ['node', 'chromium'],
    assets: () => dirname(require.resolve('@tensorflow/tfjs-backend-wasm')),
    async write(network, folder) {
      const { json, weights } = tfjs(toPeer(network.graph));
      writeFileSync(join(folder, 'net.json'), JSON.stringify(json));
      writeFileSync(join(folder, 'net.bin'), weights);
    },
  },
} as const satisfies Readonly<Record<string, Engine>>;

export type EngineName = keyof typeof engines;

/** The names of `engines`, ours first. */
export const engineNames = Object.keys(engines) as readonly EngineName[]; // the keys of a literal table

/** The files that the plugin would emit, and the module with the runtime in it. */
async function writeEspalier({ compiled }: Network, folder: string): Promise<void> {
  const { program, modules, weights } = compiled;
  const files = { 'plain.wasm': modules.plain, 'relaxed.wasm': modules.relaxed, weights };
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const url = (name: string) => `new URL('./${name}', import.meta.url)`;
  const contents = moduleText([program], '@espalier/runtime', {
    plain: url('plain.wasm'),
    relaxed: url('relaxed.wasm'),
    weights: url('weights'),
  });
  await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    conditions: ['espalier-source'],
    outfile: join(folder, 'net.js'),
    logLevel: 'error',
  });
}
