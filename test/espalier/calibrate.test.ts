// Calibration: times that can be believed, reports that are checked, targets that are found.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Profile, profileOf, showProfile } from '@espalier/compiler';
import t, { type Test } from 'tap';
import {
  factsLike,
  likeliest,
  localFacts,
} from '../../packages/espalier/src/calibrate/device-facts.ts';
import { fitProfile } from '../../packages/espalier/src/calibrate/fit-profile.ts';
import { parseMeasurements } from '../../packages/espalier/src/calibrate/measurements.ts';
import { serveCalibration } from '../../packages/espalier/src/calibrate/server.ts';
import { createSubjects } from '../../packages/espalier/src/calibrate/subjects.ts';
import { leastTime, tickOf } from '../../packages/espalier/src/calibrate/time-program.ts';
import { parseTarget, readTarget } from '../../packages/espalier/src/targets.ts';

const run = promisify(execFile);
const cli = ['--import=tsx', '--conditions=espalier-source', 'packages/espalier/src/cli/index.ts'];

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'espalier-targets-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

t.test('a time is the least of many batches, however coarse the clock', async (t) => {
  for (const tickMs of [0.001, 0.1, 1]) {
    let nowMs = 0;
    let calls = 0;
    // 2 µs a call, and every so often something else takes a while.
    const call = () => {
      calls++;
      nowMs += calls % 5000 < 100 ? 0.02 : 0.002;
    };
    const now = () => {
      nowMs += 1e-6;
      return Math.floor(nowMs / tickMs) * tickMs;
    };
    const ns = leastTime(call, { now, batchMs: Math.max(1, 20 * tickOf(now)) });
    t.ok(ns > 1800 && ns < 2600, `${ns} ns of 2000 with ticks of ${tickMs} ms`);
  }
});

t.test('a report that is not of the form is refused with the place', async (t) => {
  const good = {
    agent: 'a phone',
    cores: 8,
    modules: ['plain'],
    timings: { plain: [{ id: 'a', ns: [1, 2] }], relaxed: [] },
  };
  t.same(parseMeasurements(JSON.stringify(good)).timings.plain, good.timings.plain, 'a good one');
  for (const [change, place] of [
    [{ agent: 7 }, /agent/],
    [{ cores: -1 }, /cores/],
    [{ modules: [] }, /modules/],
    [{ modules: ['fast'] }, /modules/],
    [{ modules: ['plain', 'plain'] }, /modules/],
    [{ timings: null }, /timings/],
    [{ timings: { plain: 'soon' } }, /timings\.plain/],
    [{ timings: { plain: [{ id: 'a', ns: [-1] }] } }, /timings\.plain\.0\.ns/],
    [{ timings: { plain: [{ id: 'a', ns: ['1'] }] } }, /timings\.plain\.0\.ns/],
    [{ timings: { plain: [{ id: 5, ns: [] }] } }, /timings\.plain\.0\.id/],
  ] as const)
    t.throws(
      () => parseMeasurements(JSON.stringify({ ...good, ...change })),
      { code: 'BAD_MEASUREMENTS', message: place },
      `${place}`,
    );
  t.throws(() => parseMeasurements('no'), { code: 'BAD_MEASUREMENTS' }, 'no JSON');
});

t.test('times of other programs than those that were sent make no profile', async (t) => {
  const subjects = createSubjects(60);
  const [first] = subjects.group(0);
  const report = (timings: readonly { id: string; ns: number[] }[]) => ({
    agent: 'a phone',
    cores: 8,
    modules: ['plain'] as const,
    timings: { plain: timings, relaxed: [] },
  });
  const fit = (timings: readonly { id: string; ns: number[] }[]) =>
    fitProfile(subjects, report(timings), factsLike('s20', 'phone', 'a phone'));
  t.throws(() => fit([{ id: 'other', ns: [1] }]), { code: 'BAD_MEASUREMENTS' }, 'unknown');
  t.throws(() => fit([{ id: first!.id, ns: [1] }]), { code: 'BAD_MEASUREMENTS' }, 'too few times');
  t.throws(() => fit([]), { code: 'BAD_MEASUREMENTS' }, 'none');
  const profile = fit([{ id: first!.id, ns: first!.work.map(() => 5000) }]);
  const slow = { id: first!.id, ns: first!.work.map(() => 90_000) };
  const quick = { id: first!.id, ns: first!.work.map(() => 5000) };
  t.same(fit([slow, quick]).prices, profile.prices, 'of two passes the least times count');
  t.same(profile.modules, ['plain'], 'a device that runs one module has prices of one');
  t.equal(profile.prices.relaxed, undefined, 'and of no other');
});

t.test('the server answers what it knows, and refuses the rest', async (t) => {
  const server = await serveCalibration(createSubjects(100));
  t.teardown(() => server.close());
  const ask = async (path: string, body?: string) => {
    const url = `http://localhost:${server.port}/${path}`;
    const response = await fetch(url, body === undefined ? {} : { method: 'POST', body });
    return { status: response.status, text: await response.text() };
  };
  t.match((await ask('')).text, '<progress', 'a page');
  for (const script of ['page.js', 'time-program.js']) {
    const { text } = await ask(script);
    t.notMatch(text, /interface |: number/, `${script} has no types left`);
    t.match(text, 'timeProgram', `${script} is there`);
  }
  t.equal((await ask('groups/99999')).status, 404, 'a group that is not there');
  t.equal((await ask('../package.json')).status, 404, 'a file');
  t.equal((await ask('groups', '{}')).status, 405, 'a report to a wrong place');
  const refused = await ask('measurements', '{"agent": 5}');
  t.equal(refused.status, 400, 'a report of a wrong form');
  t.match(refused.text, 'agent', 'with the place');
  await ask('failure', 'out of memory');
  await t.rejects(
    server.report,
    { code: 'BAD_MEASUREMENTS', message: /out of memory/ },
    'a failure',
  );
});

t.test('a target is a name or the path of a profile', async (t) => {
  for (const target of [
    'wasm',
    's20',
    'local',
    './my-phone.device.json',
    '../a/b.json',
    '/a/b.json',
  ])
    t.equal(parseTarget(target), target, target);
  for (const [target, code, hint] of [
    ['s21', 'BAD_DIRECTIVE', /s20/],
    ['webgpu', 'LATER_DIRECTIVE', /leave it out/],
    ['./my-phone.txt', 'BAD_DIRECTIVE', /json/],
    ['my-phone.json', 'BAD_DIRECTIVE', /./],
  ] as const)
    t.throws(() => parseTarget(target), { code, hint }, target);
});

t.test('a profile is read from beside the model', async (t) => {
  const beside = folder(t);
  const profile: Profile = { ...profileOf('laptop'), name: 'mine' };
  writeFileSync(join(beside, 'my.device.json'), showProfile(profile));
  const target = readTarget('./my.device.json', beside);
  t.same(target, { profile, file: join(beside, 'my.device.json') }, 'it is what was written');
  t.throws(() => readTarget('./other.json', beside), { code: 'NO_PROFILE' }, 'none there');
  writeFileSync(join(beside, 'broken.json'), '{}');
  t.throws(() => readTarget('./broken.json', beside), { code: 'BAD_PROFILE' }, 'no profile');
});

t.test('devices and this machine can be told apart', async (t) => {
  t.equal(likeliest('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)'), 'iphone12');
  t.equal(likeliest('Mozilla/5.0 (Linux; Android 14) Chrome/140'), 's20');
  t.equal(likeliest('Mozilla/5.0 (X11; Linux x86_64) Chrome/140'), 'laptop');
  const { caches, cachesSource } = localFacts('local');
  t.ok(
    caches.l1Bytes >= 8192 && cachesSource.length > 0,
    `${caches.l1Bytes} bytes, ${cachesSource}`,
  );
});

t.test('the command lists devices, and refuses what it does not know', async (t) => {
  const empty = join(folder(t), 'none.json');
  const env = { ...process.env, ESPALIER_LOCAL_PROFILE: empty };
  const { stdout } = await run(process.execPath, [...cli, 'devices'], { env });
  for (const word of ['wasm', 's20', 'iphone12', 'pixel6', 'laptop', 'estimated', 'measured'])
    t.match(stdout, word, `${word} is listed`);
  t.match(stdout, 'calibrate --local', 'how to measure this machine');
  for (const options of [['--like', 's21'], ['--port', 'x'], ['--lokal']]) {
    const ended = await run(process.execPath, [...cli, 'calibrate', ...options]).catch((e) => e);
    t.equal(ended.code, 1, `${options.join(' ')} ends with 1`);
    t.match(ended.stderr, 'hint', 'and says what to do');
  }
});
