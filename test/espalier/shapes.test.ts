// Several declared shapes: a program each, one file of weights, one model that chooses.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ShapedModel } from 'espalier';
import t, { type Test } from 'tap';
import { modelPath, placeModels } from '../../fixtures/models/place-models.ts';
import { buildModel, programsOf } from '../../packages/espalier/src/build.ts';
import { openCache } from '../../packages/espalier/src/cache.ts';
import { parseDirectives } from '../../packages/espalier/src/directives.ts';
import { writeModel } from '../../packages/espalier/src/write-model.ts';
import { onnxOutputs, relativeError } from '../support/onnx-outputs.ts';

t.setTimeout(300_000);
placeModels();
const direction = modelPath('text-direction.onnx');
const shapes = [
  [1, 3, 48, 96],
  [1, 3, 48, 192],
  [1, 3, 96, 48],
];
const query = `shape=${shapes.map((shape) => `x:${shape.join('x')}`).join(';')}`;

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'espalier-shapes-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const picture = (shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.cos(i / 5));

t.test('the program of the shape that comes in gives what ONNX Runtime gives', async (t) => {
  const out = folder(t);
  const { module } = await writeModel(direction, query, out);
  const { default: model } = (await import(pathToFileURL(module).href)) as {
    default: ShapedModel;
  };
  t.same(
    model.shapes.map(({ inputs }) => inputs.x?.shape),
    shapes,
    'each shape has its model',
  );
  for (const shape of shapes) {
    const x = picture(shape);
    const expected = await onnxOutputs(direction, { x: { data: x, shape } });
    const outputs = await model.run({ x: { data: x, shape } });
    for (const [name, { data }] of Object.entries(expected)) {
      const error = relativeError(outputs[name]!.data, data);
      t.ok(error <= 1e-4, `[${shape}]: ${name} is off by ${error}`);
    }
  }
  const wide = picture(shapes[1]!);
  t.same(
    await model.run({ x: wide }),
    await model.run({ x: { data: wide, shape: shapes[1]! } }),
    'a length that only one shape has is enough',
  );
  const unclear = { code: 'BAD_INPUT', message: /several shapes fit/ };
  await t.rejects(model.run({ x: picture(shapes[0]!) }), unclear, 'one that two have is not');
  const strange = { code: 'BAD_INPUT', message: /no shape fits/ };
  await t.rejects(model.run({ x: new Float32Array(5) }), strange, 'others are refused');
  await t.rejects(model.run({}), strange, 'and so are missing ones');
  const seen: number[] = [];
  await model.load({ onProgress: ({ loadedBytes }) => seen.push(loadedBytes) });
  model.dispose();
  await t.rejects(model.run({ x: wide }), { code: 'DISPOSED' }, 'all are disposed of');
});

t.test('programs share the weights that they have in common', async (t) => {
  const one = await buildModel(direction, parseDirectives('shape=x:1x3x48x96'), undefined);
  const cache = openCache(folder(t));
  const all = await buildModel(direction, parseDirectives(query), cache);
  const programs = programsOf(all);
  t.equal(programs.length, 3, 'a program for each shape');
  const digests = new Set(
    programs.map(({ program }) => `${program.weights.parts.map(({ digest }) => digest)}`),
  );
  t.equal(digests.size, 1, 'all read one file');
  const ratio = all.weights.bytes.length / one.weights.bytes.length;
  t.ok(ratio < 1.1, `three shapes take ${ratio} times the bytes of one`);
  const again = await buildModel(direction, parseDirectives(query), cache);
  t.ok(again.fromCache, 'the cache holds them');
  t.same(
    programsOf(again).map(({ plain }) => plain.name),
    programs.map(({ plain }) => plain.name),
    'all of them',
  );
});

t.test('half weights are shared too', async (t) => {
  const bytes = async (shape: string) => {
    const built = await buildModel(direction, parseDirectives(`${shape}&weights=f16`), undefined);
    return built.weights.bytes.length;
  };
  const ratio =
    (await bytes('shape=x:1x3x48x96;x:1x3x48x192')) / (await bytes('shape=x:1x3x48x96'));
  t.ok(ratio < 1.1, `two shapes take ${ratio} times the bytes of one`);
});

t.test('searches take one shape', async (t) => {
  const path = join(folder(t), 'net.onnx');
  writeFileSync(path, '');
  const build = buildModel(path, parseDirectives('shape=1x3;1x4&speedup=2'), undefined);
  await t.rejects(build, { code: 'BAD_DIRECTIVE' }, 'several are refused');
});
