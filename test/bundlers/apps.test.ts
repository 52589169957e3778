// Every bundler's fixture app: built from clean, run in Chromium under a strict policy, compared with
// onnxruntime and TF.js on the original models.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { launch, open, serve, skipWithoutChromium } from '../support/browser.ts';
import { onnxOutputs, relativeError, type Values } from '../support/onnx-outputs.ts';
import { layersModelOutputs } from '../support/tfjs.ts';
import { tfjsFile } from '../support/tfjs-models.ts';

const bundlers = ['vite', 'rollup', 'rolldown', 'webpack', 'rspack', 'esbuild', 'farm'] as const;

/** No inline scripts, no eval; compiling WebAssembly is all that a model needs. */
const strict = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

/** Farm writes its own module loader into the page as an inline script. */
const policyOf = (bundler: string): string =>
  bundler === 'farm' ? `${strict} 'unsafe-inline'` : strict;

/** What lets a page share memory with its workers. */
const isolated = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

type Results = Readonly<Record<string, Readonly<Record<string, Values>>>>;

/** The input that `fixtures/apps/shared/report.js` makes. */
function inputOf(shape: readonly [number, number, number, number]): Float32Array {
  const [, , height, width] = shape;
  return Float32Array.from({ length: shape.reduce((n, extent) => n * extent, 1) }, (_, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    const line = y > height / 3 && y < (2 * height) / 3 && x > width / 8 && x < (7 * width) / 8;
    return line && ((x >> 2) % 3 === 0 || ((y >> 2) + (x >> 3)) % 3 === 0) ? -2 : 2;
  });
}

const models = [
  // Direct convolutions in f32 differ by the order of sums alone.
  { name: 'detector', file: 'text-detector.onnx', shape: [1, 3, 64, 96], tolerance: 1e-4 },
  // Halves carry 11 bits.
  { name: 'direction', file: 'text-direction.onnx', shape: [1, 3, 48, 192], tolerance: 2e-2 },
] as const;

const upscaler = { name: 'upscaler', shape: [1, 12, 16, 3], tolerance: 1e-4 } as const;

/** What TF.js makes of the one model in its own format. */
async function upscaled(): Promise<Readonly<Record<string, Values>>> {
  const { shape } = upscaler;
  const file = tfjsFile(join(import.meta.dirname, '../../fixtures/models/upscaler/model.json'));
  const input = { type: { dtype: 'f32', shape }, data: inputOf(shape) } as const;
  const [output] = await layersModelOutputs(file, [input]);
  return { SR: { data: Float32Array.from(output!.data), shape: output!.type.shape } };
}

placeModels();
t.setTimeout(600_000);

t.test(
  'every bundler ships models that compute what onnxruntime and TF.js compute',
  skipWithoutChromium,
  async (t) => {
    const browser = await launch();
    t.teardown(() => browser.close());
    const expected = await Promise.all(
      models.map(({ file, shape }) =>
        onnxOutputs(modelPath(file), { x: { data: inputOf(shape), shape } }),
      ),
    );
    expected.push(await upscaled());
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
        t.equal(files.filter((name) => name.endsWith('.wasm')).length, 6, 'two modules a model');

        const policy = { 'content-security-policy': policyOf(bundler) };
        for (const [where, headers] of Object.entries({
          'any page': {},
          'an isolated page': isolated,
        })) {
          const server = await serve(out, { ...policy, ...headers });
          t.teardown(() => server.close());
          const { page, complaints } = await open(browser, server.url);
          await page.waitForSelector('html[data-done]', { timeout: 60_000 });
          const results = (await page.evaluate('globalThis.results')) as Results;
          t.notOk(results.failure, `${where}: the models run: ${results.failure ?? 'no failure'}`);
          t.same(complaints, [], `${where} has nothing to complain about`);
          // The detector is compiled for two threads.
          const helpers = headers === isolated && availableParallelism() > 1 ? 1 : 0;
          t.equal(page.workers().length, helpers, `${where} has ${helpers} helping threads`);
          [...models, upscaler].forEach(({ name, tolerance }, i) => {
            for (const [output, values] of Object.entries(expected[i]!)) {
              const found = results[name]?.[output];
              t.same(found?.shape, values.shape, `${name}: ${output} has its shape`);
              const error = relativeError(found?.data ?? [], values.data);
              t.ok(
                error <= tolerance,
                `${name}: ${output} is off by ${error}, allowed ${tolerance}`,
              );
            }
          });
        }
      });
  },
);
