// Every bundler's fixture app: built from clean, run in Chromium under a strict policy, compared with
// onnxruntime on the original models.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { launch, open, serve, skipWithoutChromium } from '../support/browser.ts';
import { onnxOutputs, relativeError, type Values } from '../support/onnx-outputs.ts';

const bundlers = ['vite', 'rollup', 'rolldown', 'webpack', 'rspack', 'esbuild', 'farm'] as const;

/** No inline scripts, no eval; compiling WebAssembly is all that a model needs. */
const strict = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** Farm writes its own module loader into the page as an inline script. */
const policyOf = (bundler: string): string =>
  bundler === 'farm' ? `${strict} 'unsafe-inline'` : strict;

type Results = Readonly<Record<string, Readonly<Record<string, Values>>>>;

/** The input that `fixtures/apps/shared/report.js` makes. */
const inputOf = ([, , height, width]: readonly [number, number, number, number]): Float32Array =>
  Float32Array.from({ length: 3 * height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    const line = y > height / 3 && y < (2 * height) / 3 && x > width / 8 && x < (7 * width) / 8;
    return line && ((x >> 2) % 3 === 0 || ((y >> 2) + (x >> 3)) % 3 === 0) ? -2 : 2;
  });

const models = [
  // Direct convolutions in f32 differ by the order of sums alone.
  { name: 'detector', file: 'text-detector.onnx', shape: [1, 3, 64, 96], tolerance: 1e-4 },
  // Halves carry 11 bits.
  { name: 'direction', file: 'text-direction.onnx', shape: [1, 3, 48, 192], tolerance: 2e-2 },
] as const;

placeModels();
t.setTimeout(240_000);

t.test(
  'every bundler ships two models that compute what onnxruntime computes',
  skipWithoutChromium,
  async (t) => {
    const browser = await launch();
    t.teardown(() => browser.close());
    const expected = await Promise.all(
      models.map(({ file, shape }) =>
        onnxOutputs(modelPath(file), { x: { data: inputOf(shape), shape } }),
      ),
    );
    for (const bundler of bundlers)
      await t.test(bundler, async (t) => {
        const folder = mkdtempSync(join(tmpdir(), `espalier-${bundler}-`));
        t.teardown(() => rmSync(folder, { recursive: true, force: true }));
        const out = join(folder, 'out');
        const app = (await import(`../../fixtures/apps/${bundler}/build.js`)) as {
          build(out: string, cache: string): Promise<void>;
        };
        await app.build(out, join(folder, 'cache'));
        const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
        t.equal(files.filter((name) => name.endsWith('.wasm')).length, 4, 'two modules a model');

        const server = await serve(out, { 'content-security-policy': policyOf(bundler) });
        t.teardown(() => server.close());
        const { page, complaints } = await open(browser, server.url);
        await page.waitForSelector('html[data-done]', { timeout: 60_000 });
        const results = (await page.evaluate('globalThis.results')) as Results;
        t.notOk(results.failure, `the models run: ${results.failure ?? 'no failure'}`);
        t.same(complaints, [], 'the page has nothing to complain about');
        models.forEach(({ name, tolerance }, i) => {
          for (const [output, values] of Object.entries(expected[i]!)) {
            const found = results[name]?.[output];
            t.same(found?.shape, values.shape, `${name}: ${output} has its shape`);
            const error = relativeError(found?.data ?? [], values.data);
            t.ok(error <= tolerance, `${name}: ${output} is off by ${error}, allowed ${tolerance}`);
          }
        });
      });
  },
);
