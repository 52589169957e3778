// A model loads once, checks what it is given, and computes.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createModel, EspalierError, type ModelSource } from '@espalier/runtime';
import t, { type Test } from 'tap';
import { handMade } from '../support/programs.ts';

const inputs = () => ({ x: Float32Array.of(1, 2, 3, 4), flag: Uint8Array.of(0, 1, 0, 7) });

const fails = async (t: Test, work: Promise<unknown>, code: string, about: RegExp) => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(error instanceof EspalierError, `${code} is an EspalierError`);
  t.match(error, { code, message: about }, `it is ${code} and says why`);
};

/** Serves the hand-made program; `respond` may take over. */
async function serve(
  t: Test,
  bodies: Readonly<Record<string, { type: string; bytes: Uint8Array; status?: number }>>,
) {
  const hits: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url!.slice(1);
    hits.push(path);
    const body = bodies[path];
    if (!body) return; // Never answers.
    response.writeHead(body.status ?? 200, { 'content-type': body.type });
    response.end(body.bytes);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { hits, url: (path: string) => `http://127.0.0.1:${port}/${path}` };
}

t.test('computes named outputs of their shapes', async (t) => {
  const model = createModel(handMade().source);
  const { y, not } = await model.run(inputs());
  t.strictSame(y, { data: Float32Array.of(2, 5, 8, 11), shape: [2, 2] }, 'y is x plus the weights');
  t.strictSame(not, { data: Uint8Array.of(1, 0, 1, 0), shape: [4] }, 'any byte but 0 is true');
});

t.test('says what its inputs and outputs are without loading', async (t) => {
  const model = createModel({ ...handMade().source, weights: 'nowhere:' });
  t.strictSame(model.inputs.x, { dtype: 'f32', shape: [2, 2] }, 'x is an image of 2 by 2');
  t.strictSame(model.outputs.not, { dtype: 'bool', shape: [4] }, 'not is four flags');
});

t.test('gives every run arrays of its own', async (t) => {
  const model = createModel(handMade().source);
  const first = await model.run(inputs());
  const second = await model.run({ ...inputs(), x: new Float32Array(4) });
  t.strictSame(first.y!.data, Float32Array.of(2, 5, 8, 11), 'the first result stays');
  t.strictSame(second.y!.data, Float32Array.of(1, 3, 5, 7), 'the second is of other inputs');
});

t.test('answers concurrent runs each with their own inputs', async (t) => {
  const model = createModel(handMade().source);
  const runs = [0, 10, 20].map((by) => model.run({ ...inputs(), x: new Float32Array(4).fill(by) }));
  const results = (await Promise.all(runs)).map(({ y }) => y!.data[0]);
  t.strictSame(results, [1, 11, 21], 'no run sees the inputs of another');
});

t.test('reads its inputs before run returns, once it is loaded', async (t) => {
  const model = createModel(handMade().source);
  await model.load();
  const { x, flag } = inputs();
  const result = model.run({ x, flag });
  x.fill(100);
  t.strictSame((await result).y!.data, Float32Array.of(2, 5, 8, 11), 'the old elements were read');
});

t.test('refuses inputs that do not fit', async (t) => {
  const model = createModel(handMade().source);
  const bad = (change: object) => model.run({ ...inputs(), ...change });
  await fails(
    t,
    bad({ x: new Float32Array(5) }),
    'BAD_INPUT',
    /x must be Float32Array of 4 .* of 5/,
  );
  await fails(t, bad({ x: new Float64Array(4) }), 'BAD_INPUT', /not Float64Array of 4/);
  await fails(t, bad({ x: undefined }), 'BAD_INPUT', /x must .* missing/);
  await fails(t, bad({ z: new Float32Array(4) }), 'BAD_INPUT', /no input z; there is x, flag/);
  await fails(t, model.run(undefined as never), 'BAD_INPUT', /missing/);
});

t.test('shares one transfer among loads, and repeats none', async (t) => {
  const { module, weights, program } = handMade();
  const { hits, url } = await serve(t, {
    code: { type: 'application/wasm', bytes: module },
    weights: { type: 'application/octet-stream', bytes: weights },
  });
  const source = { program, plain: url('code'), relaxed: url('code'), weights: url('weights') };
  const model = createModel(source);
  const progress: unknown[] = [];
  await Promise.all([
    model.load({ onProgress: (step) => progress.push(step) }),
    model.load(),
    model.run(inputs()),
  ]);
  await model.load();
  t.strictSame(hits.sort(), ['code', 'weights'], 'each file is fetched once');
  t.strictSame(progress, [{ loadedBytes: 64, totalBytes: 64 }], 'progress counts the weights');
});

t.test('compiles code that is served under a wrong type', async (t) => {
  const { module, source } = handMade();
  const { url } = await serve(t, { code: { type: 'text/plain', bytes: module } });
  const model = createModel({ ...source, plain: url('code'), relaxed: url('code') });
  t.ok((await model.run(inputs())).y, 'it runs');
});

t.test('reads files from the disk in Node', async (t) => {
  const { module, weights, program } = handMade();
  const folder = t.testdir({
    'code.wasm': Buffer.from(module),
    'weights.bin': Buffer.from(weights),
  });
  const file = (name: string) => new URL(`file://${folder}/${name}`);
  const code = file('code.wasm');
  const model = createModel({ program, plain: code, relaxed: code, weights: file('weights.bin') });
  t.strictSame((await model.run(inputs())).y!.data, Float32Array.of(2, 5, 8, 11), 'it runs');
  const missing = createModel({ program, plain: code, relaxed: code, weights: file('gone.bin') });
  await fails(t, missing.load(), 'NO_FILE', /gone\.bin: cannot be fetched/);
});

t.test('refuses weights other than its own', async (t) => {
  const { source } = handMade();
  const other = (bytes: Uint8Array) =>
    createModel({ ...source, weights: `data:a/b;base64,${Buffer.from(bytes).toString('base64')}` });
  const flipped = handMade().weights;
  flipped[5]! ^= 1;
  await fails(t, other(flipped).load(), 'BAD_WEIGHTS', /is damaged/);
  await fails(t, other(flipped.subarray(1)).load(), 'BAD_WEIGHTS', /is damaged/);
  await fails(t, other(new Uint8Array()).load(), 'BAD_WEIGHTS', /is damaged/);
});

t.test('says which file is missing or does not compile, and can load again', async (t) => {
  const { module, weights, program } = handMade();
  const bodies: Record<string, { type: string; bytes: Uint8Array; status?: number }> = {
    code: { type: 'application/wasm', bytes: module },
    weights: { type: 'a/b', bytes: weights, status: 404 },
    broken: { type: 'application/wasm', bytes: module.subarray(0, -3) },
  };
  const { url } = await serve(t, bodies);
  const source = (code: string): ModelSource => ({
    ...{ program, plain: url(code), relaxed: url(code) },
    weights: url('weights'),
  });
  const model = createModel(source('code'));
  await fails(t, model.load(), 'NO_FILE', /weights: status 404/);
  bodies.weights = { type: 'a/b', bytes: weights };
  await model.load();
  t.ok((await model.run(inputs())).y, 'the second load succeeds');
  await fails(t, createModel(source('broken')).load(), 'BAD_CODE', /broken does not compile/);
});

t.test('stops a load by its signal', async (t) => {
  const { source } = handMade();
  const { url, hits } = await serve(t, {});
  const model = createModel({ ...source, weights: url('silent') });
  const stop = new AbortController();
  const first = model.load({ signal: stop.signal });
  const second = model.load({ signal: AbortSignal.timeout(50) });
  stop.abort(new Error('enough'));
  await t.rejects(first, { message: 'enough' }, 'the caller gets its own reason');
  await t.rejects(second, { name: 'TimeoutError' }, 'another waits for its own signal');
  await t.rejects(model.load({ signal: stop.signal }), { message: 'enough' }, 'aborted before');
  const again = model.load({ signal: AbortSignal.timeout(50) });
  await t.rejects(again, { name: 'TimeoutError' }, 'the next load begins anew');
  t.equal(hits.length, 2, 'the second transfer was a new one');
});

t.test('is of no use after dispose', async (t) => {
  const model = createModel(handMade().source);
  await model.load();
  model.dispose();
  await fails(t, model.run(inputs()), 'DISPOSED', /disposed/);
  const early = createModel(handMade().source);
  const load = early.load();
  early.dispose();
  await fails(t, load, 'DISPOSED', /disposed/);
});

t.test('says that memory is short', async (t) => {
  const { source } = handMade();
  const model = createModel({ ...source, program: { ...source.program, pages: 65537 } });
  await fails(t, model.load(), 'NO_MEMORY', /needs 4097 MiB/);
});

t.test('says that SIMD is missing', async (t) => {
  const { validate } = WebAssembly;
  t.teardown(() => {
    WebAssembly.validate = validate;
  });
  WebAssembly.validate = () => false;
  await fails(t, createModel(handMade().source).load(), 'NO_SIMD', /no WebAssembly SIMD/);
});
