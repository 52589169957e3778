// Vite's development server: serves a model, reloads it when it changes, and runs it on the server side.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import espalier from 'espalier/vite';
import t, { type Test } from 'tap';
import { createServer, type ViteDevServer } from 'vite';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { launch, open, skipWithoutChromium } from '../support/browser.ts';

t.setTimeout(120_000);
placeModels();

/** A project with one model, whose page shows the name of the model's output. */
async function start(t: Test): Promise<{ server: ViteDevServer; root: string }> {
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
  const server = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    cacheDir: join(root, 'vite-cache'),
    server: { port: 0, fs: { strict: false }, watch: { usePolling: true, interval: 50 } },
    plugins: [espalier({ cache: join(root, 'cache'), types: join(root, 'espalier.d.ts') })],
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
