// `precision=int8` in a build: calibrated on files beside the model, cached with them, refused with a reason.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOnnx } from '@espalier/importers';
import { createBuilder, EspalierError, randomTensor } from '@espalier/ir';
import t, { type Test } from 'tap';
import { buildModel } from '../../packages/espalier/src/build.ts';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { npyFile } from '../support/npy-file.ts';

const shape = [1, 8, 6, 6] as const;

/** A folder with a model of one convolution, and a folder of two files of inputs, three in all. */
function project(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-samples-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape });
  const constant = (extents: readonly number[], seed: number) =>
    b.constant(randomTensor({ dtype: 'f32', shape: extents }, seed));
  const attrs = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;
  const y = b.conv(x, constant([16, 8, 3, 3], 1), constant([16], 2), attrs);
  const graph = { inputs: [x], outputs: [{ name: 'y', node: y }] };
  writeFileSync(join(folder, 'net.onnx'), writeOnnx(graph));
  mkdirSync(join(folder, 'inputs'));
  const inputs = (count: number, scale: number) =>
    randomTensor({ dtype: 'f32', shape: [count, 8, 6, 6] }, 3, [-scale, scale])
      .data as Float32Array;
  writeFileSync(join(folder, 'inputs/a.npy'), npyFile('<f4', [2, ...shape], inputs(2, 1)));
  writeFileSync(join(folder, 'inputs/b.npy'), npyFile('<f4', shape, inputs(1, 1)));
  return folder;
}

const build = async (folder: string, query: string, cache?: ReturnType<typeof openCache>) =>
  buildModel(join(folder, 'net.onnx'), parseDirectives(query), cache);

const code = async (build: Promise<unknown>): Promise<string | undefined> => {
  try {
    await build;
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError) return error.code;
    throw error;
  }
};

t.test('a build in int8 ships bytes, and depends on its inputs', async (t) => {
  const folder = project(t);
  const cache = openCache(join(folder, 'cache'));
  const floats = await build(folder, '');
  const query = 'precision=int8&calib=inputs';
  const first = await build(folder, query, cache);
  t.ok(first.weights.bytes.length < 0.4 * floats.weights.bytes.length, 'weights are bytes');
  t.same(
    first.externalFiles.map((file) => file.slice(folder.length + 1)),
    ['inputs/a.npy', 'inputs/b.npy'],
    'a change of an input makes the bundler build again',
  );
  t.equal((await build(folder, query, cache)).fromCache, true, 'the same inputs are in the cache');
  const wide = randomTensor({ dtype: 'f32', shape }, 4, [-9, 9]).data as Float32Array;
  writeFileSync(join(folder, 'inputs/b.npy'), npyFile('<f4', shape, wide));
  const second = await build(folder, query, cache);
  t.equal(second.fromCache, false, 'others are not');
  t.notSame(second.weights.bytes, first.weights.bytes, 'and give other codes');
  t.ok((await build(folder, 'precision=int8')).weights.bytes.length > 0, 'inputs may be made up');
});

t.test('refuses inputs that are not there, or not of the model', async (t) => {
  const folder = project(t);
  t.equal(await code(build(folder, 'precision=int8&calib=nowhere')), 'NO_SAMPLES', 'no folder');
  t.equal(await code(build(folder, 'precision=int8&calib=cache')), 'NO_SAMPLES', 'no files');
  t.equal(await code(build(folder, 'calib=inputs')), 'BAD_DIRECTIVE', 'floats need none');
  t.equal(await code(build(folder, 'precision=int4')), 'BAD_DIRECTIVE', 'another precision');
  writeFileSync(join(folder, 'inputs/c.npy'), npyFile('<f4', [3], new Float32Array(3)));
  t.equal(await code(build(folder, 'precision=int8&calib=inputs')), 'BAD_SAMPLES', 'a shape');
  writeFileSync(join(folder, 'inputs/c.npy'), 'nothing');
  t.equal(await code(build(folder, 'precision=int8&calib=inputs')), 'BAD_ARRAY', 'no array');
});
