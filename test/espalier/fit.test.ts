// Models that are fitted while an app is built: searches, plans beside the model, caches, dev servers, CI.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, latency, parseProfile, profileOf, showProfile } from '@espalier/compiler';
import { writeOnnx } from '@espalier/importers';
import { EspalierError, randomTensor } from '@espalier/ir';
import { createRun } from '@espalier/search';
import t, { type Test } from 'tap';
import { type BuildOptions, buildModel } from '../../packages/espalier/src/build.ts';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { leastTime } from '../../packages/espalier/src/calibrate/time-program.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { lockModel } from '../../packages/espalier/src/fit/lock-model.ts';
import { summarise } from '../../packages/espalier/src/summarise.ts';
import { fitProject, pairedNetwork } from '../support/fit-project.ts';
import { root } from '../support/sources.ts';

t.setTimeout(600_000);
delete process.env.CI; // its own tests set it

/** Few choices are soon searched. */
const query = 'target=laptop&calib=inputs&scheme=blockColumns&sparsity=0.4&drop=1&effort=2';

const build = (folder: string, options: BuildOptions = {}, own = query, cached = true) =>
  buildModel(
    join(folder, 'net.onnx'),
    parseDirectives(own),
    cached ? openCache(join(folder, 'cache')) : undefined,
    { threads: 1, ...options },
  );

const lock = (folder: string, own = query) =>
  lockModel(join(folder, 'net.onnx'), parseDirectives(own), openCache(join(folder, 'cache')));

async function failure(promise: Promise<unknown>): Promise<EspalierError | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
}

t.test('a device as target means a search, once', async (t) => {
  const folder = fitProject(t);
  const dense = await build(folder, {}, 'target=laptop&drop=0');
  t.equal(dense.fit, undefined, 'no loss allowed means no search');
  const messages: string[] = [];
  const first = await build(folder, { onProgress: ({ message }) => messages.push(message) });
  t.equal(first.fit?.plan?.accepted, true, `accepted: ${first.fit?.reason}`);
  t.ok(messages.length >= 3, 'progress is told');
  t.ok(first.weights.bytes.length < 0.8 * dense.weights.bytes.length, 'fewer weights ship');
  t.match(
    summarise('net.onnx', first, 1000),
    /fitted( in 16 bits)?: .* times as fast.*on 8 inputs/,
    'one line',
  );
  const again = await build(folder);
  t.equal(again.fromCache, true, 'the second time it is in the cache');
  t.equal(again.weights.name, first.weights.name, 'the same bytes');
  t.same(again.fit, first.fit, 'and the same reasons');
});

t.test('a query says which strategy plans', async (t) => {
  const folder = fitProject(t);
  const own = 'target=laptop&calib=inputs&strategy=rule&speedup=1.2&drop=1';
  const built = await build(folder, {}, own);
  const plan = built.fit?.plan;
  t.equal(plan?.strategy, 'rule', `${built.fit?.reason}`);
  t.equal(plan?.accepted, true, 'the plan ships');
  t.equal(plan?.layers[0]?.scheme, 'none', 'as the rules say, what reads the input stays');
  t.match(summarise('net.onnx', built, 1), /fitted by rule( in 16 bits)?: /, 'the line says so');
});

t.test('the same plan and bytes come of one thread or two, in any folder', async (t) => {
  const own = 'target=laptop&drop=0.5&effort=3'; // synthetic inputs, all schemes
  const [a, b] = [fitProject(t), fitProject(t)];
  const one = await build(a, { threads: 1 }, own);
  const two = await build(b, { threads: 2 }, own);
  t.equal(one.fit?.plan?.accepted, true, `accepted: ${one.fit?.reason}`);
  t.equal(one.fit?.plan?.inputs.kind, 'synthetic', 'nobody gave inputs, and the plan says so');
  t.match(summarise('net.onnx', one, 1), /synthetic inputs/, 'and the line');
  t.same(one.fit, two.fit, 'the plan');
  for (const asset of ['plain', 'relaxed', 'weights'] as const)
    t.equal(one[asset].name, two[asset].name, `${asset}, whose name is its digest`);
});

t.test('with a plan beside the model a build only compiles', async (t) => {
  const folder = fitProject(t);
  const searched = await build(folder);
  await lock(folder);
  const options = { frozen: true, onProgress: () => t.fail('nothing is searched') };
  const built = await build(folder, options, query, false);
  t.equal(built.fit?.from, 'lock', 'from the plan');
  for (const asset of ['plain', 'relaxed', 'weights'] as const)
    t.equal(built[asset].name, searched[asset].name, `${asset} is that of the search`);
  t.ok(
    built.externalFiles.some((file) => file.endsWith('net.espalier.json')),
    'a change of the plan makes the bundler build again',
  );
  t.equal(
    (await build(folder, { serve: true }, query, false)).fit?.from,
    'lock',
    'dev takes it too',
  );
  rmSync(join(folder, 'inputs'), { recursive: true });
  t.equal((await build(folder, options, query, false)).fit?.from, 'lock', 'inputs are not needed');
});

t.test('channels that went are part of the plan', async (t) => {
  const folder = fitProject(t);
  const own = 'target=laptop&calib=inputs&scheme=none&width=0.5&drop=10';
  const searched = await build(folder, {}, own);
  const { entry, graph } = await lock(folder, own);
  const { widths = [] } = entry.plan;
  t.same(
    widths.map(({ units, dropped }) => [units, dropped.length]),
    [
      [64, 32],
      [64, 32],
    ],
    'both groups lose half',
  );
  t.ok(
    graph.outputs[0]!.node.kind === 'op' && graph.outputs[0]!.node.inputs[1]!.type.shape[1] === 32,
    'and the layer that reads them is narrower',
  );
  const locked = await build(folder, { frozen: true }, own, false);
  t.equal(locked.fit?.from, 'lock', 'a plan beside the model');
  t.same(locked.weights.bytes, searched.weights.bytes, 'brings the bytes of the search');
  const file = join(folder, 'net.espalier.json');
  const text = readFileSync(file, 'utf8');
  for (const damaged of [
    text.replace(/"dropped": \[\s*\d+/, '"dropped": [-1'),
    text.replace(/"widths": \[/, '"widths": [null,'),
    text.replace(/"widths": \[/, '"widths": 3, "other": ['),
  ]) {
    t.not(damaged, text);
    writeFileSync(file, damaged);
    t.equal((await failure(build(folder, {}, own)))?.code, 'BAD_LOCK', 'channels that are none');
  }
});

t.test('several plans lie beside one model', async (t) => {
  const folder = fitProject(t);
  const other = query.replace('0.4', '0.6');
  await lock(folder);
  await lock(folder, other);
  const options = { frozen: true };
  const [first, second] = [await build(folder, options), await build(folder, options, other)];
  t.equal(first.fit?.from, 'lock', 'the first');
  t.equal(second.fit?.from, 'lock', 'the second');
  t.ok(second.weights.bytes.length < first.weights.bytes.length, 'each with its own weights');
});

t.test('a plan that is stale is not taken', async (t) => {
  const folder = fitProject(t);
  await lock(folder);
  const network = pairedNetwork();
  const { inputs, outputs } = network;
  writeFileSync(join(folder, 'net.onnx'), writeOnnx({ inputs, outputs: outputs.slice() }));
  t.equal((await build(folder)).fit?.from, 'lock', 'the same bytes are the same model');
  const renamed = { inputs, outputs: [{ name: 'z', node: outputs[0]!.node }] };
  writeFileSync(join(folder, 'net.onnx'), writeOnnx(renamed));
  const built = await build(folder);
  t.equal(built.fit?.from, 'search', 'another model is searched anew');
  t.match(summarise('net.onnx', built, 1), /stale: the model has changed/, 'and the line says why');

  const frozen = await failure(build(folder, { frozen: true }));
  t.equal(frozen?.code, 'STALE_LOCK', 'frozen builds fail');
  t.match(frozen?.hint, /espalier search '.*net\.onnx\?.*sparsity=0\.4/, 'with the command to run');
  const missing = await failure(build(folder, { frozen: true }, `${query}&seed=2`));
  t.match(missing?.message, /has no plan/, 'also where there is none');
  process.env.CI = 'true';
  t.teardown(() => {
    delete process.env.CI;
  });
  t.equal((await failure(build(folder)))?.code, 'STALE_LOCK', 'CI fails where a plan is stale');
  t.equal((await build(folder, {}, `${query}&seed=2`)).fit?.from, 'search', 'and searches without');
});

t.test('weights that do not belong to the plan are noticed', async (t) => {
  const folder = fitProject(t);
  // In floats something is pruned, and weights change.
  const own = `${query}&precision=f32`;
  await lock(folder, own);
  const path = join(folder, 'net.espalier.safetensors');
  const bytes = readFileSync(path);
  bytes[bytes.length - 2]! ^= 1;
  writeFileSync(path, bytes);
  const error = await failure(build(folder, { frozen: true }, own));
  t.match(error?.message, /weights are not those/, 'one bit');
  writeFileSync(path, bytes.subarray(0, 20));
  t.equal((await failure(build(folder, {}, own)))?.code, 'BAD_LOCK', 'a part');
  writeFileSync(
    join(folder, 'net.espalier.json'),
    '{"format": "espalier lock 1", "plans": {"": 1}}',
  );
  t.equal((await failure(build(folder, {}, own)))?.code, 'BAD_LOCK', 'an entry that is none');
});

t.test('while developing the dense network is there at once', async (t) => {
  const folder = fitProject(t);
  const served = await build(folder, { serve: true, onProgress: () => t.fail('no search') });
  const dense = await build(folder, {}, 'target=laptop&drop=0');
  t.equal(served.weights.name, dense.weights.name, 'dense');
  t.match(summarise('net.onnx', served, 1), /dense while developing/, 'and the line says so');
});

t.test('wishes that cannot come true, or exclude each other, say so', async (t) => {
  const folder = fitProject(t);
  const code = async (own: string) => (await failure(build(folder, {}, own)))?.code;
  const few = 'target=laptop&calib=inputs&scheme=blockColumns&sparsity=0.4';
  t.equal(await code(`${few}&speedup=100`), 'UNREACHABLE', 'too fast');
  t.equal(await code(`${few}&bytes=1k`), 'UNREACHABLE', 'too small');
  t.equal(await code('speedup=2&precision=int8'), 'BAD_DIRECTIVE', 'eight bits are dense');
  t.equal(await code('speedup=2&exact'), 'BAD_DIRECTIVE', 'exact is dense');
  t.equal(
    await code(`${few}&calib=nowhere`.replace('calib=inputs&', '')),
    'NO_SAMPLES',
    'no inputs',
  );
});

/** Runs the command to its end. */
const command = (folder: string, ...words: string[]) =>
  spawnSync(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--conditions=espalier-source',
      join(root, 'packages/espalier/src/cli/index.ts'),
      ...words,
    ],
    { cwd: folder, encoding: 'utf8' },
  );

/** Runs the command, and kills it once it has written something, if asked to. */
function search(t: Test, folder: string, kill: boolean): Promise<{ stdout: string }> {
  const words = ['packages/espalier/src/cli/index.ts', 'search'].map((w) =>
    w.includes('/') ? join(root, w) : w,
  );
  const child = spawn(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--conditions=espalier-source',
      ...words,
      'net.onnx?target=laptop&calib=inputs&drop=0.001&effort=6',
      '--threads',
      '1',
      '--json',
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (kill && /plans [1-9]/.test(String(chunk))) child.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      t.equal(
        kill ? signal : status,
        kill ? 'SIGKILL' : 0,
        kill ? 'it was killed' : 'it ended well',
      );
      resolve({ stdout });
    });
  });
}

t.test('a search that is killed goes on where it was', async (t) => {
  const [a, b] = [fitProject(t), fitProject(t)];
  await search(t, a, true);
  const resumed = JSON.parse((await search(t, a, false)).stdout);
  const whole = JSON.parse((await search(t, b, false)).stdout);
  t.ok(resumed.evaluations.found >= 4, `${resumed.evaluations.found} evaluations were there`);
  t.equal(
    resumed.evaluations.found + resumed.evaluations.computed,
    whole.evaluations.computed,
    'and only the others were made',
  );
  t.same(resumed.plan, whole.plan, 'the plan is the same');
  const text = (folder: string) => readFileSync(join(folder, 'net.espalier.json'), 'utf8');
  t.equal(text(a), text(b), 'byte for byte');
});

t.test('on this machine a plan has to be faster when it is timed, too', async (t) => {
  const folder = fitProject(t);
  const profile = { ...profileOf('laptop'), name: 'local', engine: 'Node 20' };
  process.env.ESPALIER_LOCAL_PROFILE = join(folder, 'local.device.json');
  t.teardown(() => {
    delete process.env.ESPALIER_LOCAL_PROFILE;
  });
  const own = query.replace('target=laptop', 'target=local');
  writeFileSync(process.env.ESPALIER_LOCAL_PROFILE, showProfile(profile));
  const { fit } = await build(folder, {}, own);
  const { measured, accepted, reason } = fit!.plan!;
  t.match(measured, { engine: /Node/, denseMs: Number, ms: Number }, 'it is timed');
  t.equal(accepted, measured!.ms < measured!.denseMs, `and that decides: ${reason}`);
  t.same((await build(folder, {}, own)).fit?.plan?.measured, measured, 'once');
});

t.test('this machine is calibrated by the first build that asks for it', async (t) => {
  const folder = fitProject(t);
  const file = join(folder, 'cache/local.device.json');
  process.env.ESPALIER_LOCAL_PROFILE = file;
  t.teardown(() => {
    delete process.env.ESPALIER_LOCAL_PROFILE;
  });
  const own = query.replace('target=laptop', 'target=local');
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const served = await build(folder, { serve: true, log }, own);
  t.match(served.fit, { from: 'dense' }, 'while developing the dense network is there at once');
  t.equal((await failure(build(folder, { frozen: true }, own)))?.code, 'NO_PROFILE', 'nor frozen');
  t.notOk(existsSync(file), 'nothing has been measured');
  // What an older version has left is measured again.
  mkdirSync(join(folder, 'cache'), { recursive: true });
  writeFileSync(file, '{ "format": 1 }');
  const both = await Promise.all(['', '&seed=2'].map((more) => build(folder, { log }, own + more)));
  for (const { fit } of both)
    t.match(fit?.plan, { device: 'local', source: 'measured' }, 'a plan for this machine');
  t.equal(lines.length, 1, 'two models wait for one calibration, and one line says so');
  t.match(lines[0], /calibrated this machine .* in \d+ s/, 'which it is');
  const profile = parseProfile(readFileSync(file, 'utf8'), file);
  const { report } = compile(pairedNetwork(), { profile });
  const run = createRun(pairedNetwork(), { profile });
  const x = randomTensor({ dtype: 'f32', shape: [1, 8, 24, 24] }, 3);
  const clock = { now: () => performance.now(), batchMs: 2 };
  const measured = leastTime(() => void run({ x }), clock) / 1e6;
  const predicted = latency(report.work, profile).totalMs;
  t.ok(predicted / measured > 0.3 && predicted / measured < 3, `${predicted} ms for ${measured}`);
});

t.test('a calibration that cannot start fails the build, once', async (t) => {
  const folder = fitProject(t);
  process.env.ESPALIER_LOCAL_PROFILE = join(folder, 'cache/local.device.json');
  process.env.NODE_OPTIONS = '--no-such-option';
  t.teardown(() => {
    delete process.env.ESPALIER_LOCAL_PROFILE;
    delete process.env.NODE_OPTIONS;
  });
  const own = query.replace('target=laptop', 'target=local');
  const stopped = await failure(build(folder, {}, own));
  t.equal(stopped?.code, 'CALIBRATION_STOPPED');
  await new Promise((done) => setImmediate(done)); // an unhandled rejection would end the process
});

t.test('a check compares a build with the committed plan', async (t) => {
  const folder = fitProject(t);
  await lock(folder);
  const same = command(folder, 'check', `net.onnx?${query}`);
  t.equal(same.status, 0, same.stdout);
  t.match(same.stdout, /latency, ms +\S+ +\S+ +holds/, 'a table');
  const path = join(folder, 'net.espalier.json');
  const text = JSON.parse(readFileSync(path, 'utf8'));
  const [entry] = Object.values<{ plan: { shipped: Record<string, number> } }>(text.plans);
  for (const [name, factor] of Object.entries({ ms: 0.9, bytes: 0.9, score: 1.1 })) {
    const { shipped } = entry!.plan;
    const honest = shipped[name]!;
    shipped[name] = honest * factor;
    writeFileSync(path, JSON.stringify(text));
    const worse = command(folder, 'check', `net.onnx?${query}`, '--json');
    shipped[name] = honest;
    t.equal(worse.status, 1, `${name} is worse than it was`);
    const { comparisons } = JSON.parse(worse.stdout) as {
      comparisons: { regressed: boolean }[];
    };
    t.equal(comparisons.filter(({ regressed }) => regressed).length, 1, 'and that alone');
  }
  const missing = command(folder, 'check', 'net.onnx?target=s20');
  t.match(missing.stderr, /has no plan/, 'without a plan there is nothing to compare with');
});

t.test('the command says what is wrong', async (t) => {
  const folder = fitProject(t);
  const dense = command(folder, 'search', 'net.onnx');
  t.equal(dense.status, 1, 'nothing to search');
  t.match(dense.stderr, /asks for the dense network/, 'and why');
});
