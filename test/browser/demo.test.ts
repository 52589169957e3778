// The demo in a browser: built, served, and its text boxes compared with onnxruntime's.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { build } from 'vite';
import { findBoxes } from '../../fixtures/apps/text/src/boxes.ts';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { launch, open, serve, skipWithoutChromium } from '../support/browser.ts';
import { onnxOutputs, relativeError } from '../support/onnx-outputs.ts';

t.setTimeout(600_000);
placeModels();

const app = join(import.meta.dirname, '../../fixtures/apps/text');
const shape = [1, 3, 480, 640] as const;

/** What the page shows and what it fed to the model. */
interface Seen {
  readonly boxes: readonly { readonly centre: { readonly x: number; readonly y: number } }[];
  readonly input: readonly number[];
  readonly map: readonly number[];
}

t.test('the demo finds the boxes that onnxruntime finds', skipWithoutChromium, async (t) => {
  const out = mkdtempSync(join(tmpdir(), 'espalier-demo-'));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  await build({ root: app, logLevel: 'error', build: { outDir: out, emptyOutDir: true } });
  const server = await serve(out, {
    'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
  });
  t.teardown(() => server.close());
  const browser = await launch();
  t.teardown(() => browser.close());
  const { page, complaints } = await open(browser, server.url);
  await page.getByText('Ready.').waitFor({ timeout: 60_000 });

  const least = { letter: 4, receipt: 5, sign: 2 };
  for (const [name, boxes] of Object.entries(least)) {
    const seen = (await page.evaluate(
      `(async () => {
        const { showPage, readPixels, detect, pages } = globalThis.demo;
        document.querySelector('canvas').getContext('2d').reset();
        pages[${JSON.stringify(name)}](document.querySelector('canvas').getContext('2d'));
        const input = readPixels();
        const map = await detect(input);
        const boxes = await showPage(${JSON.stringify(name)});
        return { input: [...input], map: [...map], boxes };
      })()`,
    )) as Seen;
    const outputs = await onnxOutputs(modelPath('text-detector.onnx'), {
      x: { data: Float32Array.from(seen.input), shape },
    });
    const expected = Float32Array.from(outputs['sigmoid_0.tmp_0']!.data);
    const error = relativeError(seen.map, expected);
    t.ok(error <= 1e-3, `${name}: the map is off by ${error}, allowed 1e-3 at steep edges`);
    const wanted = findBoxes(expected, shape[3]);
    t.ok(wanted.length >= boxes, `${name}: onnxruntime finds ${wanted.length} boxes of ${boxes}`);
    t.equal(seen.boxes.length, wanted.length, `${name}: as many boxes`);
    wanted.forEach(({ centre }, i) => {
      const found = seen.boxes[i]?.centre ?? { x: Number.NaN, y: Number.NaN };
      const apart = Math.hypot(found.x - centre.x, found.y - centre.y);
      t.ok(apart <= 0.5, `${name}: box ${i} is ${apart} pixels away`);
    });
  }
  t.same(complaints, [], 'the page has nothing to complain about');
});
