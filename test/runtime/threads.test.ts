// Helping threads: the same results as one thread, load after load, and nothing left behind.

import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { randomTensor } from '@espalier/ir';
import { createModel, type ModelSource } from '@espalier/runtime';
import { createModel as createThreadedModel } from '@espalier/runtime/threads';
import t, { type Test } from 'tap';
import { threeLayers, writtenForThreads } from '../support/written-threads.ts';

/** Keeps a core busy, and ends by itself should nobody end it. */
const busyLoop = 'const end = Date.now() + 20_000; while (Date.now() < end);';

t.setTimeout(120_000);

const written = (t: Test, script?: string) => writtenForThreads(t, threeLayers(), 2, script);

const alone =
  availableParallelism() > 1 ? {} : { skip: 'one core: no thread is started where none could run' };

const picture = (seed: number) => ({
  x: randomTensor({ dtype: 'f32', shape: [1, 32, 40, 40] }, seed).data as Float32Array,
});

/** Runs pictures on one thread and on several; whether all results are the same. */
async function same(t: Test, source: ModelSource, pictures: number): Promise<void> {
  const [one, several] = [createModel(source), createThreadedModel(source)];
  for (let seed = 0; seed < pictures; seed++) {
    const want = await one.run(picture(seed));
    const got = await several.run(picture(seed));
    const [a, b] = [got, want].map(({ r }) => Buffer.from(r!.data.buffer));
    if (!t.ok(a!.equals(b!), `picture ${seed} gives the same`)) break;
  }
  several.dispose();
  one.dispose();
}

t.test('computes with two threads what one computes, bit by bit', async (t) => {
  const source = await written(t);
  t.equal(source.program.parallel?.groups.length, 3, 'three layers are split');
  await same(t, source, 60);
});

t.test('computes the same while other processes keep all cores busy', async (t) => {
  const busy = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', busyLoop]),
  );
  t.teardown(() => {
    for (const child of busy) child.kill();
  });
  await same(t, await written(t), 60);
});

t.test('shares memory only where a second thread is asked for', alone, async (t) => {
  const source = await written(t);
  const real = WebAssembly.Memory;
  const shared: (boolean | undefined)[] = [];
  t.teardown(() => {
    WebAssembly.Memory = real;
  });
  WebAssembly.Memory = class extends real {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      shared.push(descriptor.shared);
    }
  };
  const models = [createThreadedModel(source), createThreadedModel(source)];
  await models[0]!.load({ threads: 1 });
  await models[1]!.load();
  t.strictSame(shared, [false, true], 'one thread has memory of its own, two share theirs');
  for (const model of models) model.dispose();
});

for (const [what, name, value] of [
  ['there is no shared memory', 'SharedArrayBuffer', undefined],
  ['a page is not isolated', 'crossOriginIsolated', false],
] as const)
  t.test(`stays on one thread where ${what}`, async (t) => {
    const kept = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.teardown(() => {
      if (kept) Object.defineProperty(globalThis, name, kept);
      else Reflect.deleteProperty(globalThis, name);
    });
    // A script that nothing can start: it is never tried.
    await same(t, await written(t, 'throw new Error("no thread is wanted")'), 2);
  });

t.test('ends its threads when it is disposed of while loading', async (t) => {
  const model = createThreadedModel(await written(t));
  const loading = model.load();
  model.dispose();
  await t.rejects(loading, { code: 'DISPOSED' }, 'the load is refused');
});

t.test('says which script does not start', alone, async (t) => {
  const broken = createThreadedModel(await written(t, 'throw new Error("of no use")'));
  await t.rejects(
    broken.run(picture(0)),
    { code: 'BAD_THREAD', message: /thread\.js/, cause: { message: 'of no use' } },
    'one that throws',
  );
  const source = await written(t);
  const gone = createThreadedModel({ ...source, thread: `${source.thread}.gone` });
  await t.rejects(gone.run(picture(0)), { code: 'BAD_THREAD' }, 'one that is not there');
  await gone.load({ threads: 1 });
  t.equal((await gone.run(picture(0))).r!.data.length, 64 * 40 * 40, 'one thread needs no script');
  gone.dispose();
});

/** A helper that takes a part, and says that it could not do it. */
const failing = `
const port = process.getBuiltinModule('node:worker_threads').parentPort;
port.onmessage = ({ data: { control, places } }) => {
  port.postMessage('ready');
  for (;;) {
    const ticket = Atomics.load(control, places.ticket);
    if ((ticket & ((1 << places.countBits) - 1)) === 0) continue;
    if (Atomics.compareExchange(control, places.ticket, ticket, ticket - 1) !== ticket) continue;
    Atomics.store(control, places.failed, 1);
  }
};
`;

t.test('refuses results that a thread has not finished', alone, async (t) => {
  const model = createThreadedModel(await written(t, failing));
  t.teardown(() => model.dispose());
  await t.rejects(
    (async () => {
      // On a machine with much to do, the helper may be late for a few.
      for (let seed = 0; seed < 1000; seed++) await model.run(picture(seed % 4));
    })(),
    { code: 'BAD_THREAD' },
    'the run is rejected',
  );
  await t.rejects(model.run(picture(0)), { code: 'BAD_THREAD' }, 'and so is every later one');
});

t.test('does not keep a process from ending', async (t) => {
  const { program, ...files } = await written(t);
  const path = fileURLToPath(new URL('main.mjs', files.thread));
  const entry = import.meta.resolve('@espalier/runtime/threads');
  writeFileSync(
    path,
    `import { createModel } from ${JSON.stringify(entry)};
const model = createModel(${JSON.stringify({ program, ...files })});
const { r } = await model.run({ x: new Float32Array(32 * 40 * 40).fill(1) });
console.log(r.data.length);
`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, path], {
    timeout: 60_000,
  });
  t.equal(stdout.trim(), String(64 * 40 * 40), 'it ends by itself, its model not disposed of');
});
