// Helping threads in pages: in an isolated one, and its workers, they give the same as one thread; elsewhere
// there are none.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { writeModel } from '../../packages/espalier/src/write-model.ts';
import { launch, type Opened, open, serve, skipWithoutChromium } from '../support/browser.ts';

t.setTimeout(300_000);
placeModels();

const files = {
  'index.html':
    '<!doctype html><title>threads</title><script type="module" src="page.js"></script>',
  'run.js': `import one from './one/text-detector.js';
import two from './two/text-detector.js';
/** How many of the results of several pictures differ in a bit. */
export async function differences() {
  let count = 0;
  for (let picture = 0; picture < 20; picture++) {
    const { shape } = two.inputs.x;
    const x = Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i * (picture + 1)));
    const [want, got] = [await one.run({ x }), await two.run({ x })];
    for (const [name, { data }] of Object.entries(want))
      data.forEach((value, i) => { count += Object.is(value, got[name].data[i]) ? 0 : 1; });
  }
  return count;
}
export const dispose = () => two.dispose();
`,
  'page.js': `import { differences, dispose } from './run.js';
globalThis.inPage = differences();
globalThis.dispose = dispose;
globalThis.inWorker = () => new Promise((resolve, reject) => {
  const worker = new Worker('./worker.js', { type: 'module' });
  worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
  worker.onerror = ({ message }) => reject(new Error(message));
});
document.documentElement.dataset.started = 'yes';
`,
  'worker.js': `import { differences } from './run.js';
differences().then(postMessage, (error) => postMessage(String(error)));
`,
};

/** A page with a model for one thread and one for two, served with these headers. */
async function opened(t: Test, headers: Readonly<Record<string, string>>): Promise<Opened> {
  const out = mkdtempSync(join(tmpdir(), 'espalier-threads-'));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  const file = modelPath('text-detector.onnx');
  await writeModel(file, 'shape=x:1x3x96x128', join(out, 'one'));
  await writeModel(file, 'shape=x:1x3x96x128&threads=2', join(out, 'two'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(out, name), text);
  const server = await serve(out, {
    'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
    ...headers,
  });
  t.teardown(() => server.close());
  const browser = await launch();
  t.teardown(() => browser.close());
  const page = await open(browser, server.url);
  await page.page.waitForSelector('html[data-started]');
  return page;
}

t.test('an isolated page computes the same with two threads', skipWithoutChromium, async (t) => {
  const { page, complaints } = await opened(t, {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  t.equal(await page.evaluate('crossOriginIsolated'), true, 'the page is isolated');
  t.equal(await page.evaluate('globalThis.inPage'), 0, 'every bit is the same in the page');
  const helpers = availableParallelism() > 1 ? 1 : 0;
  t.equal(page.workers().length, helpers, `${helpers} helping threads`);
  t.equal(await page.evaluate('globalThis.inWorker()'), 0, 'and in a worker of its own');
  const gone = helpers ? page.workers()[0]!.waitForEvent('close') : undefined;
  await page.evaluate('globalThis.dispose()');
  await gone;
  t.pass('the thread ends with its model');
  t.same(complaints, [], 'the page has nothing to complain about');
});

t.test('a page that is not isolated does without', skipWithoutChromium, async (t) => {
  const { page, complaints } = await opened(t, {});
  t.equal(await page.evaluate('crossOriginIsolated'), false, 'the page is not isolated');
  t.equal(await page.evaluate('globalThis.inPage'), 0, 'every bit is the same');
  t.equal(page.workers().length, 0, 'no thread was started');
  t.same(complaints, [], 'the page has nothing to complain about');
});
