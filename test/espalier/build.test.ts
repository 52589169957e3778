// Builds: the same bytes everywhere, a cache that is never believed blindly, and clear refusals.

import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { compile } from '@espalier/compiler';
import { importOnnx, writeOnnx } from '@espalier/importers';
import { createBuilder } from '@espalier/ir';
import type { Model } from 'espalier';
import t, { type Test } from 'tap';
import ts from 'typescript';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { type BuiltModel, buildModel } from '../../packages/espalier/src/build.ts';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { writeModel } from '../../packages/espalier/src/write-model.ts';
import { onnxOutputs, relativeError } from '../support/onnx-outputs.ts';

t.setTimeout(600_000);
placeModels();
const run = promisify(execFile);
const query = 'shape=x:1x3x48x96';
const cli = ['--import=tsx', '--conditions=espalier-source', 'packages/espalier/src/cli/index.ts'];

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'espalier-build-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const direction = modelPath('text-direction.onnx');
const build = (cache?: string, file = direction): Promise<BuiltModel> =>
  buildModel(file, parseDirectives(query), cache === undefined ? undefined : openCache(cache));

const bytesOf = ({ plain, relaxed, weights, program }: BuiltModel) => ({
  names: [plain, relaxed, weights].map(({ name }) => name),
  bytes: [plain, relaxed, weights].map(({ bytes }) => Buffer.from(bytes).toString('base64')),
  program,
});

t.test('two builds in two folders have identical assets', async (t) => {
  const [a, b] = [folder(t), folder(t)];
  for (const path of [a, b]) copyFileSync(direction, join(path, 'net.onnx'));
  const first = await build(undefined, join(a, 'net.onnx'));
  const second = await build(undefined, join(b, 'net.onnx'));
  t.same(bytesOf(first), bytesOf(second), 'names, bytes and program are equal');
});

t.test('takes a build from the cache, and rebuilds a damaged entry', async (t) => {
  const cache = folder(t);
  const fresh = await build(cache);
  t.notOk(fresh.fromCache, 'the first build compiles');
  const kept = await build(cache);
  t.ok(kept.fromCache, 'the second does not');
  t.same(bytesOf(kept), bytesOf(fresh), 'and gives the same');
  const [entry] = readdirSync(cache);
  const path = join(cache, entry!);
  const whole = readFileSync(path);
  for (const [what, damaged] of [
    [
      'one flipped bit',
      Buffer.from(whole).fill(
        whole[whole.length >> 1]! ^ 1,
        whole.length >> 1,
        (whole.length >> 1) + 1,
      ),
    ],
    ['half of it', whole.subarray(0, whole.length >> 1)],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    writeFileSync(path, damaged);
    const again = await build(cache);
    t.notOk(again.fromCache, `${what} is not believed`);
    t.same(bytesOf(again), bytesOf(fresh), 'the rebuilt model is whole');
    t.same(readFileSync(path), whole, 'and so is the entry');
  }
});

t.test('two builds at once leave one valid entry', async (t) => {
  const work = folder(t);
  const cache = join(work, 'cache');
  const script = join(work, 'build.mts');
  const at = (path: string) =>
    JSON.stringify(pathToFileURL(join(import.meta.dirname, '../..', path)).href);
  writeFileSync(
    script,
    `import { buildModel } from ${at('packages/espalier/src/build.ts')};
import { openCache } from ${at('packages/espalier/src/cache.ts')};
import { parseDirectives } from ${at('packages/espalier/src/directives.ts')};
await buildModel(${JSON.stringify(direction)}, parseDirectives('${query}'), openCache(${JSON.stringify(cache)}));
`,
  );
  const child = () =>
    run(process.execPath, ['--import=tsx', '--conditions=espalier-source', script]);
  await Promise.all([child(), child()]);
  t.equal(readdirSync(cache).length, 1, 'nothing temporary is left');
  t.ok((await build(cache)).fromCache, 'the entry is valid');
});

/** A model `y = x + w` whose `w` is in a file beside it. */
function externalModel(path: string, location: string): void {
  const b = createBuilder();
  const type = { dtype: 'f32', shape: [128] } as const;
  const x = b.input('x', type);
  const w = b.constant({ type, data: new Float32Array(128).fill(2) }, 'w');
  const y = b.scalar('add', x, w);
  const bytes = writeOnnx({ inputs: [x], outputs: [{ name: 'y', node: y }] });
  const text = Buffer.from(bytes);
  // The raw data of `w` becomes a reference: data_location 1, external_data { location }.
  const raw = Buffer.from(new Float32Array(128).fill(2).buffer);
  const start = text.indexOf(raw) - 3;
  const reference = (key: string, value: string) => {
    const entry = Buffer.concat([
      Buffer.from([0x0a, key.length]),
      Buffer.from(key),
      Buffer.from([0x12, value.length]),
      Buffer.from(value),
    ]);
    return Buffer.concat([Buffer.from([0x6a, entry.length]), entry]);
  };
  const external = Buffer.concat([reference('location', location), Buffer.from([0x70, 0x01])]);
  // Lengths before it change; the tensor is found again by rewriting the two around it.
  const replaced = Buffer.concat([
    text.subarray(0, start),
    external,
    text.subarray(start + 3 + raw.length),
  ]);
  writeFileSync(path, fixLengths(replaced, text, start, external.length - raw.length - 3));
}

/** Corrects the lengths of the messages around a changed place: graph (field 7) and initializer (field 5). */
function fixLengths(changed: Buffer, original: Buffer, place: number, delta: number): Buffer {
  const varint = (from: Buffer, at: number): [value: number, end: number] => {
    let [value, shift, i] = [0, 0, at];
    for (; ; i++, shift += 7) {
      value |= (from[i]! & 127) << shift;
      if (from[i]! < 128) return [value, i + 1];
    }
  };
  const encoded = (value: number): Buffer => {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
    return Buffer.from([...bytes, rest]);
  };
  const walk = (start: number, end: number): { at: number; size: number; value: number }[] => {
    for (let i = start; i < end; ) {
      const [key, afterKey] = varint(original, i);
      if ((key & 7) === 0) {
        i = varint(original, afterKey)[1];
        continue;
      }
      const [size, body] = varint(original, afterKey);
      if (place >= body && place < body + size) {
        const own = { at: afterKey, size: body - afterKey, value: size };
        const wanted = key >> 3 === 7 || key >> 3 === 5;
        return wanted ? [own, ...walk(body, body + size)] : [];
      }
      i = body + size;
    }
    return [];
  };
  const lengths = walk(0, original.length);
  let [result, inner] = [changed, delta];
  for (const { at, size, value } of lengths.reverse()) {
    const length = encoded(value + inner);
    result = Buffer.concat([result.subarray(0, at), length, result.subarray(at + size)]);
    inner += length.length - size;
  }
  return result;
}

t.test("reads external data from the model's folder and nowhere else", async (t) => {
  const root = folder(t);
  const inside = join(root, 'models');
  mkdirSync(inside);
  const data = Buffer.from(new Float32Array(128).fill(2).buffer);
  writeFileSync(join(inside, 'w.bin'), data);
  writeFileSync(join(root, 'secret.bin'), data);
  symlinkSync(join(root, 'secret.bin'), join(inside, 'link.bin'));
  const model = join(inside, 'net.onnx');
  const built = async (location: string) => {
    externalModel(model, location);
    return buildModel(model, parseDirectives(''), undefined);
  };
  t.same((await built('w.bin')).externalFiles, [join(inside, 'w.bin')], 'a file beside it is read');
  for (const location of ['../secret.bin', join(root, 'secret.bin'), 'link.bin'])
    await t.rejects(built(location), { code: 'BAD_EXTERNAL_DATA' }, `${location} is refused`);
});

t.test('a large file is read piece by piece, to the same program', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [1, 4096] });
  const data = Float32Array.from({ length: 4096 * 4096 }, (_, i) => ((i * 7919) % 1000) / 1e5);
  const w = b.constant({ type: { dtype: 'f32', shape: [4096, 4096] }, data });
  const bytes = writeOnnx({ inputs: [x], outputs: [{ name: 'y', node: b.matmul(x, w, {}) }] });
  const file = join(folder(t), 'large.onnx');
  writeFileSync(file, bytes);
  const cache = openCache(folder(t));
  const built = await buildModel(file, parseDirectives(''), cache);
  const whole = compile(importOnnx(bytes, { file }));
  t.ok(Buffer.from(whole.weights).equals(built.weights.bytes), 'with the same weights');
  t.same(built.program, whole.program, 'and the same steps');
  t.same(built.externalFiles, [], 'it depends on no other file');
  t.ok((await buildModel(file, parseDirectives(''), cache)).fromCache, 'the cache knows it again');
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
  t.notOk(
    (await buildModel(file, parseDirectives(''), cache)).fromCache,
    'and sees one bit change',
  );
});

t.test('writes a module that runs without a plugin', async (t) => {
  const out = folder(t);
  const { module, files } = await writeModel(direction, query, out);
  t.ok(
    files.some((name) => name.endsWith('.d.ts')),
    'with its types',
  );
  const { default: model } = (await import(pathToFileURL(module).href)) as { default: Model };
  const x = Float32Array.from({ length: 3 * 48 * 96 }, (_, i) => Math.cos(i / 5));
  const outputs = await model.run({ x });
  const expected = await onnxOutputs(direction, { x: { data: x, shape: [1, 3, 48, 96] } });
  for (const [name, { data }] of Object.entries(expected)) {
    const error = relativeError(outputs[name]!.data, data);
    t.ok(error <= 1e-4, `${name} is off by ${error} from onnxruntime`);
  }
});

t.test('writes types that know names, element types and shapes', async (t) => {
  const out = folder(t);
  await writeModel(direction, query, out);
  const check = (code: string) => {
    const file = join(out, 'use.ts');
    writeFileSync(file, `import net from './text-direction.js';\n${code}\n`);
    const options = {
      ...{ strict: true, noEmit: true, types: [], lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'] },
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    };
    const program = ts.createProgram([file], options);
    return ts
      .getPreEmitDiagnostics(program)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }');
  const good = `const { 'softmax_0.tmp_0': y } = await net.run({ x: new Float32Array(3) });
    const rows: 1 = y.shape[0]; const data: Float32Array = y.data; void rows; void data;`;
  t.same(check(good), [], 'right uses pass');
  t.match(check('net.run({ y: new Float32Array(3) });'), [/'y' does not exist/], 'names are known');
  t.match(check('net.run({ x: new Int32Array(3) });'), [/not assignable/], 'so are element types');
});

t.test('builds and inspects from the command line', async (t) => {
  const out = folder(t);
  const built = await run(process.execPath, [
    ...cli,
    'build',
    direction,
    '--out',
    out,
    '--shape',
    '1x3x48x96',
  ]);
  t.match(built.stdout, 'kB of weights', 'build says what ships');
  const seen = await run(process.execPath, [...cli, 'inspect', direction, '--shape', '1x3x48x96']);
  for (const word of ['input   x: f32[1,3,48,96]', 'conv', 'multiply-accumulates', 'parameters'])
    t.ok(seen.stdout.includes(word), `inspect prints ${word}`);
  const help = await run(process.execPath, [...cli, '--help']);
  for (const word of ['build', 'inspect']) t.match(help.stdout, word, `help names ${word}`);
});

t.test("ends with 1 for the user's faults", async (t) => {
  for (const args of [
    ['inspect', 'missing.onnx'],
    ['inspect', direction, '--shape', '1xq'],
    ['inspect', direction, '--shpae', '1x3x48x96'],
    ['build', direction, '--out', tmpdir(), '--sparsity', '0.5'],
    ['inspect', direction, '--shape', '1x4x48x96'],
  ]) {
    const ended = await run(process.execPath, [...cli, ...args]).catch((error) => error);
    t.equal(ended.code, 1, `${args.join(' ')} ends with 1`);
    t.match(ended.stderr, 'hint', 'and says what to do');
  }
});
