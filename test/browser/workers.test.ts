// A written model runs wherever scripts run: in a page, a worker and a service worker, under a strict policy
// and without cross-origin isolation.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { writeModel } from '../../packages/espalier/src/write-model.ts';
import { launch, open, serve, skipWithoutChromium } from '../support/browser.ts';

t.setTimeout(300_000);
placeModels();

const run = `
import model from './text-direction.js';
export async function names() {
  const { shape } = model.inputs.x;
  const x = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(0.5);
  const outputs = await model.run({ x });
  return Object.values(outputs).map(({ data, shape }) => shape + ' ' + (data[0] + data[1]).toFixed(3)).join();
}
`;

const files = {
  'run.js': run,
  'index.html':
    '<!doctype html><title>workers</title><script type="module" src="page.js"></script>',
  'page.js': `import { names } from './run.js';
globalThis.inPage = names();
globalThis.inWorker = new Promise((resolve, reject) => {
  const worker = new Worker('./worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
});
globalThis.inServiceWorker = (async () => {
  await navigator.serviceWorker.register('./service.js', { type: 'module' });
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  active.postMessage('go', [port2]);
  return new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
})();
document.documentElement.dataset.started = 'yes';
`,
  'worker.js': `import { names } from './run.js';
names().then(postMessage, (error) => postMessage(String(error)));
`,
  'service.js': `import { names } from './run.js';
self.onmessage = ({ ports: [port] }) =>
  names().then((text) => port.postMessage(text), (error) => port.postMessage(String(error)));
`,
};

t.test('runs in a page, a worker and a service worker', skipWithoutChromium, async (t) => {
  const out = mkdtempSync(join(tmpdir(), 'espalier-workers-'));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  await writeModel(modelPath('text-direction.onnx'), 'shape=x:1x3x48x96', out);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text);
  const server = await serve(out, {
    'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
  });
  t.teardown(() => server.close());
  const browser = await launch();
  t.teardown(() => browser.close());
  const { page, complaints } = await open(browser, server.url);
  await page.waitForSelector('html[data-started]');
  for (const place of ['inPage', 'inWorker', 'inServiceWorker'])
    t.equal(
      await page.evaluate(`globalThis.${place}`),
      '1,2 1.000',
      `${place}: probabilities add up`,
    );
  t.equal(await page.evaluate('crossOriginIsolated'), false, 'the page is not isolated');
  t.same(complaints, [], 'the page has nothing to complain about');
});
