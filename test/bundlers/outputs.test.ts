// Scripts find their model's files wherever a bundler puts both.

import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import esbuildPlugin from 'espalier/esbuild';
import rollupPlugin from 'espalier/rollup';
import { rollup } from 'rollup';
import t, { type Test } from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';

t.setTimeout(300_000);
placeModels();
const run = promisify(execFile);
const shape = 'shape=x:1x3x48x96';
// The second import differs in its text alone: its files are the same.
const main = `
  import one from './net.onnx?${shape}';
  import two from './net.onnx?target=wasm&${shape}';
  const lengths = async () => {
    for (const model of [one, two])
      for (const { data } of Object.values(await model.run({ x: new Float32Array(13824) })))
        console.log(data.length);
  };
  lengths();
`;

/** A project whose script is in the root and in a folder. */
function project(t: Test) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'espalier-outputs-')));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'sub'));
  copyFileSync(modelPath('text-direction.onnx'), join(root, 'net.onnx'));
  writeFileSync(join(root, 'main.js'), main);
  writeFileSync(join(root, 'sub', 'main.js'), main.replaceAll('./net', '../net'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  return { root, options: { cache: join(root, 'cache'), types: false } as const };
}

async function runs(t: Test, file: string) {
  const { stdout } = await run(process.execPath, [file]);
  t.equal(stdout, '2\n2\n', `${file} computes`);
}

const withEsbuild = async (t: Test, extra: BuildOptions): Promise<string> => {
  const { root, options } = project(t);
  const result = await build({
    ...{ absWorkingDir: root, bundle: true, logLevel: 'error' },
    plugins: [esbuildPlugin(options)],
    ...extra,
  });
  t.same(result.warnings, [], 'esbuild has no doubts');
  return root;
};

t.test('esbuild: from scripts in folders', async (t) => {
  const entryPoints = ['main.js', 'sub/main.js'];
  const root = await withEsbuild(t, { entryPoints, format: 'esm', outdir: 'out' });
  for (const entry of entryPoints) await runs(t, join(root, 'out', entry));
});

t.test('esbuild: from a single output file', async (t) => {
  const outfile = 'out/only.js';
  const root = await withEsbuild(t, { entryPoints: ['main.js'], format: 'esm', outfile });
  await runs(t, join(root, 'out', 'only.js'));
});

t.test('esbuild: from CommonJS', async (t) => {
  const outfile = 'out/only.cjs';
  const extra: BuildOptions = { entryPoints: ['main.js'], platform: 'node', outfile };
  const root = await withEsbuild(t, { ...extra, format: 'cjs' });
  await runs(t, join(root, 'out', 'only.cjs'));
});

t.test('Rollup: from scripts in folders, each file emitted once', async (t) => {
  const { root, options } = project(t);
  const warnings: string[] = [];
  const bundle = await rollup({
    input: { main: join(root, 'main.js'), 'sub/main': join(root, 'sub', 'main.js') },
    plugins: [rollupPlugin(options)],
    onLog: (level, { message }) => {
      if (level === 'warn') warnings.push(message);
    },
  });
  await bundle.write({ dir: join(root, 'out'), format: 'es' });
  await bundle.close();
  t.same(warnings, [], 'Rollup has no doubts');
  for (const entry of ['main.js', 'sub/main.js']) await runs(t, join(root, 'out', entry));
});
