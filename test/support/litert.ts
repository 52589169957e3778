// Runs TFLite models in LiteRT, TensorFlow Lite's interpreter compiled to WebAssembly, on one thread.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import type { Tensor as OwnTensor } from '@espalier/ir';
import type { CompiledModel, Tensor } from '@litertjs/core';

type LiteRt = typeof import('@litertjs/core');

let loading: Promise<LiteRt> | undefined;

/** The package is meant for pages: it loads its script as a worker would, and the script asks for Node's globals. */
function load(): Promise<LiteRt> {
  loading ??= (async () => {
    const entry = fileURLToPath(import.meta.resolve('@litertjs/core'));
    const folder = join(dirname(entry), '../wasm/');
    const importScripts = (path: string) =>
      runInThisContext(readFileSync(path, 'utf8'), { filename: path });
    const require = createRequire(import.meta.url);
    const given = {
      self: globalThis,
      importScripts,
      require,
      __dirname: folder,
      __filename: entry,
    };
    Object.assign(globalThis, given);
    const litert = await import('@litertjs/core');
    await listening(() => litert.loadLiteRt(folder));
    return litert;
  })();
  return loading;
}

const errors: string[] = [];

/** The console as it finds it when it loads is the one that it keeps. */
const listen = (...words: unknown[]): void => {
  const text = words.join(' ');
  if (/^ERROR/.test(text)) errors.push(text);
};

/** LiteRT tells the console about accelerators, and of an operator that fails nothing but that. */
async function listening<T>(run: () => Promise<T>): Promise<T> {
  const kept = [console.log, console.info, console.warn, console.error] as const;
  Object.assign(console, { log: listen, info: listen, warn: listen, error: listen });
  try {
    const result = await run();
    if (errors.length > 0) throw new Error(`LiteRT: ${errors.splice(0).join('\n')}`);
    return result;
  } finally {
    const [log, info, warn, error] = kept;
    Object.assign(console, { log, info, warn, error });
  }
}

/** The outputs of a model in its order, for inputs in its order: floats and integers of 32 bits. */
export async function runLiteRt(
  bytes: Uint8Array,
  inputs: readonly OwnTensor[],
): Promise<(Float32Array | Int32Array)[]> {
  const litert = await load();
  return listening(async () => {
    const model: CompiledModel = await litert.loadAndCompile(bytes, { accelerator: 'wasm' });
    const feeds: Tensor[] = inputs.map(
      // Tests feed nothing but these two.
      ({ type, data }) => new litert.Tensor(data as Float32Array | Int32Array, [...type.shape]),
    );
    const results = await model.run(feeds);
    const outputs = results.map((result) => result.toTypedArray().slice());
    for (const tensor of [...feeds, ...results]) tensor.delete();
    model.delete();
    return outputs as (Float32Array | Int32Array)[]; // of no other type
  });
}
