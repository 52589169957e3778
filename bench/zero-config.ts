// What `?target=` brings without anything else: the demo's text detector is fitted with no inputs given, timed in
// Chromium beside the dense one, and looks for text on pages that nothing was calibrated on. (words are targets)

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { showProfile } from '@espalier/compiler';
import { type Model, writeModel } from 'espalier';
import type { Page } from 'playwright-core';
import { findBoxes, type TextBox } from '../fixtures/apps/text/src/boxes.ts';
import { modelSize, toTensor } from '../fixtures/apps/text/src/pixels.ts';
import { modelPath, placeModels } from '../fixtures/models/place-models.ts';
import { openCache } from '../packages/espalier/src/cache.ts';
import { launch, serve, skipWithoutChromium } from '../test/support/browser.ts';
import { atLeast, atMost, type Bar, digits, type Report, type Row } from './bars.ts';
import { overlap } from './support/box-overlap.ts';
import { drawPage } from './support/draw-page.ts';
import { calibratedHost } from './support/host.ts';

const targets = ['local', 's20'] as const;
const shape = `shape=x:1x3x${modelSize.height}x${modelSize.width}`;
const pages = 24;
const rounds = 31;

/** Seconds that something takes, and what it gives. */
async function timed<T>(run: () => Promise<T>): Promise<{ readonly value: T; readonly s: number }> {
  const start = performance.now();
  const value = await run();
  return { value, s: digits((performance.now() - start) / 1000) };
}

/** Times two modules of a served folder, turn and turn about; medians in ms. */
const timeInPage = (page: Page, modules: readonly string[]): Promise<number[]> =>
  page.evaluate(
    async ({ modules, rounds, height, width }) => {
      const input = Float32Array.from(
        { length: 3 * height * width },
        (_, i) => Math.sin(i * 0.37) * 2,
      );
      const models = await Promise.all(modules.map(async (url) => (await import(url)).default));
      const times: number[][] = modules.map(() => []);
      for (let round = 0; round < rounds + 3; round++)
        for (const [i, model] of models.entries()) {
          const start = performance.now();
          await model.run({ x: input });
          if (round >= 3) times[i]!.push(performance.now() - start);
        }
      return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!);
    },
    { modules, rounds, ...modelSize },
  );

/** The pixels of one made-up page, RGBA. */
async function pixelsOf(page: Page, seed: number): Promise<Uint8Array> {
  const text = await page.evaluate(drawPage, { seed, ...modelSize });
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

/** Boxes of both models on the same pages, and how many of the dense one's are found again. */
async function matches(
  page: Page,
  modules: readonly string[],
): Promise<{ readonly boxes: number; readonly matched: number }> {
  const models = await Promise.all(
    modules.map(async (path) => (await import(pathToFileURL(path).href)).default as Model),
  );
  let [boxes, matched] = [0, 0];
  for (let seed = 1; seed <= pages; seed++) {
    const x = toTensor(await pixelsOf(page, seed));
    const [wanted, found] = (await Promise.all(
      models.map(async (model) => {
        const [map] = Object.values(await model.run({ x }));
        return findBoxes((map as { data: Float32Array }).data, modelSize.width); // of floats
      }),
    )) as [TextBox[], TextBox[]];
    boxes += Math.max(wanted.length, found.length);
    matched += wanted.filter((box) => found.some((other) => overlap(box, other) >= 0.9)).length;
  }
  for (const model of models) model.dispose();
  return { boxes, matched };
}

/** Fits for each target without anything but its name. `--profile file` keeps the calibration. */
export async function run(words: readonly string[]): Promise<Report> {
  if ('skip' in skipWithoutChromium) {
    console.log(`skipped: ${skipWithoutChromium.skip}`);
    return { rows: [], bars: [] };
  }
  placeModels();
  const { profile } = await calibratedHost();
  const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  process.env.ESPALIER_LOCAL_PROFILE = join(root, 'local.device.json');
  writeFileSync(process.env.ESPALIER_LOCAL_PROFILE, showProfile(profile));
  const model = modelPath('text-detector.onnx');
  const write = (query: string, name: string) =>
    writeModel(model, `${shape}${query}`, join(root, name), openCache(join(root, 'cache')));
  const [rows, bars]: [Row[], Bar[]] = [[], []];
  const server = await serve(root);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    // What loads this file names functions by a helper, which a page does not have.
    await page.addInitScript('globalThis.__name = (named) => named');
    writeFileSync(join(root, 'index.html'), '<!doctype html>');
    await page.goto(server.url);
    const dense = await write('', 'dense');
    const asked = targets.filter((target) => words.length === 0 || words.includes(target));
    for (const target of asked) {
      const cold = await timed(() => write(`&target=${target}`, target));
      const again = await timed(() => write(`&target=${target}`, target));
      const names = ['dense', target].map((name) => `${server.url}/${name}/text-detector.js`);
      const [denseMs, fittedMs] = (await timeInPage(page, names)) as [number, number];
      const found = await matches(page, [dense.module, cold.value.module]);
      const speedup = digits(denseMs / fittedMs);
      const share = digits(found.matched / Math.max(1, found.boxes));
      const reason = cold.value.built.fit?.reason ?? 'not fitted';
      rows.push({
        target,
        reason,
        denseMs: digits(denseMs),
        fittedMs: digits(fittedMs),
        speedup,
        boxes: found.boxes,
        share,
        coldS: cold.s,
        cachedS: again.s,
      });
      if (target === 'local') bars.push(atLeast('speed-up in Chromium', speedup, 1.25));
      bars.push(
        atLeast(`${target}: boxes that match at IoU 0.9`, share, 0.95),
        atMost(`${target}: cold build`, cold.s, 90, 's'),
        atMost(`${target}: build from cache`, again.s, 2, 's'),
      );
    }
    return { rows, bars };
  } finally {
    await browser.close();
    await server.close();
    rmSync(root, { recursive: true });
  }
}
