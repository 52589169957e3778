// TFLite models in a build: as a module that a bundler imports, with ports of floats and of codes.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build as bundle } from 'esbuild';
import type { Model } from 'espalier';
import t, { type Test } from 'tap';
import { espalier } from '../../packages/espalier/src/plugin.ts';
import { type WrittenModel, writeTflite } from '../support/write-tflite.ts';

/** The model as the module that a bundler makes of its import. */
async function imported(t: Test, model: WrittenModel): Promise<Model> {
  const folder = t.testdir({
    'entry.js': "import net from './net.tflite?target=wasm';\nexport default net;\n",
    'package.json': '{ "type": "module" }',
  });
  writeFileSync(join(folder, 'net.tflite'), writeTflite(model));
  const out = join(folder, 'out');
  await bundle({
    entryPoints: [join(folder, 'entry.js')],
    outdir: out,
    bundle: true,
    format: 'esm',
    conditions: ['espalier-source'],
    logLevel: 'silent',
    plugins: [espalier.esbuild({ types: false, cache: join(folder, 'cache') })],
  });
  const module = (await import(pathToFileURL(join(out, 'entry.js')).href)) as { default: Model }; // written above
  return module.default;
}

t.test('a bundler imports a model of floats', async (t) => {
  const net = await imported(t, {
    tensors: [
      { shape: [1, 2, 1, 2], name: 'x' },
      { shape: [1, 2, 1, 2], name: 'y' },
    ],
    operators: [{ builtin: 19, inputs: [0], outputs: [1] }],
    inputs: [0],
    outputs: [1],
  });
  await net.load();
  const { y } = await net.run({ x: Float32Array.of(1, -2, 3, -4) });
  t.same(Array.from(y!.data), [1, 0, 3, 0], 'and runs it');
});

t.test('ports of a quantised model take and give codes', async (t) => {
  const codes = { type: 'i8', scales: [0.5], zeros: [10] } as const;
  const net = await imported(t, {
    tensors: [
      { shape: [4], name: 'x', ...codes },
      { shape: [4], name: 'y', ...codes },
    ],
    operators: [{ builtin: 19, inputs: [0], outputs: [1] }],
    inputs: [0],
    outputs: [1],
  });
  await net.load();
  const { y } = await net.run({ x: Int32Array.of(12, 8, 127, -128) });
  t.same(Array.from(y!.data), [12, 10, 127, 10], 'zero is code 10, and nothing is below it');
});
