// The report of a model's plans, opened in a browser: readable, self-contained, light and dark, on a phone and on paper.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { lockModel } from '../../packages/espalier/src/fit/lock-model.ts';
import { launch, open, serve, skipWithoutChromium } from '../support/browser.ts';
import { fitProject } from '../support/fit-project.ts';
import { root } from '../support/sources.ts';

t.setTimeout(300_000);

t.test('a report shows plans wherever it is opened', skipWithoutChromium, async (t) => {
  const folder = fitProject(t);
  const model = join(folder, 'net.onnx');
  const cache = openCache(join(folder, 'cache'));
  const pruned = 'target=laptop&calib=inputs&scheme=blockColumns&sparsity=0.4&drop=1';
  const refused =
    'target=laptop&calib=inputs&scheme=blockColumns&sparsity=0.6&drop=0.0001&effort=1';
  for (const query of [pruned, refused]) await lockModel(model, parseDirectives(query), cache);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--conditions=espalier-source',
      join(root, 'packages/espalier/src/cli/index.ts'),
      'report',
      'net.onnx',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  t.equal(status, 0, stderr);
  t.match(stdout, /net\.espalier\.html: 2 plans/, 'the command says what it wrote');
  const html = readFileSync(join(folder, 'net.espalier.html'), 'utf8');
  t.notMatch(html, /<script|src=|@import|url\(/, 'nothing is fetched, nothing runs');

  const server = await serve(folder, {
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  t.teardown(() => server.close());
  const browser = await launch();
  t.teardown(() => browser.close());
  const { page, complaints } = await open(browser, `${server.url}/net.espalier.html`);
  t.equal(await page.locator('section').count(), 2, 'one section a plan');
  t.equal(
    await page.locator('section >> nth=1 >> svg').count(),
    4,
    'four charts of a plan that ships',
  );
  t.equal(
    await page.locator('section >> nth=0 >> svg').count(),
    1,
    'the front alone where dense ships',
  );
  const text = (await page.textContent('body')) ?? '';
  for (const words of [
    /latency, predicted/,
    /multiply-adds/,
    /agreement/,
    /estimated/,
    /espalier search/,
    /dense ships/,
  ])
    t.match(text, words, `it says ${words.source}`);
  const bars = await page.locator('section >> nth=1 >> figure >> nth=1 >> rect').count();
  t.equal(bars, 6, 'two bars a layer');

  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  t.not(await ground(), light, 'dark where the reader wants it');
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const [wide, small] = (await page.evaluate(
      `[document.documentElement.scrollWidth, Math.min(...[...document.querySelectorAll('svg text')]
        .map((one) => one.getBoundingClientRect().height).filter((height) => height > 0))]`,
    )) as [number, number];
    t.ok(wide <= width, `at ${width} pixels nothing is cut off: ${wide}`);
    t.ok(small >= 9, `letters are ${small} pixels high`);
  }
  await page.emulateMedia({ media: 'print', colorScheme: 'light' });
  t.ok((await page.pdf()).length > 10_000, 'it prints');
  t.same(complaints, [], 'the page has nothing to complain about');
});
