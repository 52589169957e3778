// The calibration page, end to end: the command serves it, a browser opens it, a profile is written, and a
// model is compiled for that device.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, latency, parseProfile } from '@espalier/compiler';
import { parse } from '@espalier/ir';
import t from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { buildModel } from '../../packages/espalier/src/build.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { launch, open, skipWithoutChromium } from '../support/browser.ts';

t.setTimeout(240_000);
placeModels();

const cli = ['--import=tsx', '--conditions=espalier-source', 'packages/espalier/src/cli/index.ts'];

t.test('a device that opens the page gets a profile', skipWithoutChromium, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-calibrate-test-'));
  const file = join(folder, 'phone.device.json');
  // Every 16th kernel: enough to see all parts at work.
  const options = ['--host', '127.0.0.1', '--stride', '16', '--name', 'phone', '--out', file];
  const command = spawn(process.execPath, [...cli, 'calibrate', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => {
    command.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  let printed = '';
  const url = await new Promise<string>((resolve) => {
    command.stdout.on('data', (text: Buffer) => {
      printed += text.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(printed)?.[0];
      // The code, to be held in front of a camera, ends with an empty line.
      if (found && /[█▀▄]{9}/.test(printed)) resolve(found);
    });
  });
  const ended = new Promise<number | null>((resolve) => command.once('exit', resolve));

  const browser = await launch();
  t.teardown(() => browser.close());
  const { page, complaints } = await open(browser, url);
  await page.waitForFunction(
    () => /^(Done|Stopped)/.test(document.querySelector('p')?.textContent ?? ''),
    undefined,
    { timeout: 180_000 },
  );
  t.match(await page.textContent('p'), /^Done/, 'the page says that it is done');
  t.equal(await page.evaluate(() => document.querySelector('progress')?.value), 1, 'all of it');
  t.same(complaints, [], 'nothing goes wrong on it');
  t.equal(await ended, 0, 'the command ends');

  const profile = parseProfile(readFileSync(file, 'utf8'), file);
  t.equal(profile.name, 'phone', 'it has the name that was given');
  t.equal(profile.source, 'measured', 'it says that it was measured');
  t.match(profile.engine, 'Chrome', 'and in what');
  t.ok(profile.prices.plain, 'plain code has prices');
  t.ok((profile.prices[profile.modules[0]]?.any.ns.arithmetic ?? 0) >= 0, 'arithmetic has one');

  const { report } = compile(
    parse(`
      x = input f32[1,32,28,28]
      w = constant f32[64,32,1,1] seed 1
      b = constant f32[64] seed 2
      y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}
      return y
    `),
    { profile },
  );
  const { totalMs } = latency(report.work, profile);
  // 1.6 million multiply-adds: no device that runs a browser is a hundred times off.
  t.ok(totalMs > 0.002 && totalMs < 20, `a layer is predicted to take ${totalMs} ms`);

  const target = `shape=x:1x3x48x96&drop=0&target=${encodeURIComponent(file)}`;
  const built = await buildModel(
    modelPath('text-direction.onnx'),
    parseDirectives(target),
    undefined,
  );
  t.same(built.externalFiles, [file], 'a model is compiled for it, and watches the profile');
});
