// Vite beyond one build: its development server, models that change, and code that runs on a server.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import espalier from 'espalier/vite';
import t, { type Test } from 'tap';
import { build, createServer, type Plugin, type ViteDevServer } from 'vite';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { launch, open, skipWithoutChromium } from '../support/browser.ts';

t.setTimeout(300_000);
placeModels();

/** A project with one model, whose page shows the name of the model's output. */
function project(t: Test): { root: string; plugins: Plugin[] } {
  const root = mkdtempSync(join(tmpdir(), 'espalier-dev-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'src'));
  copyFileSync(modelPath('text-direction.onnx'), join(root, 'src/net.onnx'));
  writeFileSync(
    join(root, 'index.html'),
    '<!doctype html><p id="out"></p><script type="module" src="/src/main.js"></script>',
  );
  writeFileSync(
    join(root, 'src/main.js'),
    `import net from './net.onnx?shape=x:1x3x64x96';
export async function outputs() {
  const { shape } = net.inputs.x;
  const x = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(0.5);
  const results = await net.run({ x });
  return Object.entries(results).map(([name, { shape }]) => name + ' ' + shape).join();
}
if (typeof document !== 'undefined') document.querySelector('#out').textContent = await outputs();
`,
  );
  const options = { cache: join(root, 'cache'), types: join(root, 'espalier.d.ts') };
  return { root, plugins: [espalier(options)].flat() };
}

async function start(t: Test): Promise<{ server: ViteDevServer; root: string }> {
  const { root, plugins } = project(t);
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, 'vite-cache'),
    server: { port: 0, fs: { strict: false }, watch: { usePolling: true, interval: 50 } },
    plugins,
  });
  t.teardown(() => server.close());
  await server.listen();
  return { server, root };
}

const text = '#out:not(:empty)';

t.test('serves a model and reloads it when it changes', skipWithoutChromium, async (t) => {
  const { server, root } = await start(t);
  const browser = await launch();
  t.teardown(() => browser.close());
  const { page } = await open(browser, server.resolvedUrls!.local[0]!);
  await page.waitForSelector(text, { timeout: 60_000 });
  t.equal(await page.textContent(text), 'softmax_0.tmp_0 1,2', 'the first model runs');

  copyFileSync(modelPath('text-detector.onnx'), join(root, 'src/net.onnx'));
  await page.getByText('sigmoid_0.tmp_0').waitFor({ timeout: 60_000 });
  t.equal(await page.textContent(text), 'sigmoid_0.tmp_0 1,1,64,96', 'the changed model runs');
});

t.test('runs on the server side', async (t) => {
  const { server } = await start(t);
  const main = (await server.ssrLoadModule('/src/main.js')) as { outputs(): Promise<string> };
  t.equal(await main.outputs(), 'softmax_0.tmp_0 1,2', 'a model imported in Node runs there');
});

t.test('builds for the server with the files that it reads', async (t) => {
  const { root, plugins } = project(t);
  const outDir = join(root, 'out');
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins,
    build: {
      ssr: 'src/main.js',
      outDir,
      rolldownOptions: { output: { entryFileNames: '[name].mjs' } },
    },
  });
  const main = (await import(pathToFileURL(join(outDir, 'main.mjs')).href)) as {
    outputs(): Promise<string>;
  };
  t.equal(await main.outputs(), 'softmax_0.tmp_0 1,2', 'the built model runs in Node');
});

t.test('declares what a project imports, by the exact specifier', async (t) => {
  const { root, plugins } = project(t);
  const outDir = join(root, 'out');
  await build({ root, configFile: false, logLevel: 'error', plugins, build: { outDir } });
  const types = readFileSync(join(root, 'espalier.d.ts'), 'utf8');
  t.match(types, '*/net.onnx?shape=x:1x3x64x96', 'the query is part of it');
  t.match(
    types,
    /readonly "x": [^;]*TensorInfo<'f32', readonly \[1, 3, 64, 96\]>/,
    'inputs are typed',
  );
  t.match(types, /readonly "softmax_0.tmp_0": [^;]*readonly \[1, 2\]/, 'and so are outputs');
});
