// Whole networks written as ONNX and run by ONNX Runtime give what the original file gives.

import { readFileSync } from 'node:fs';
import { importOnnx, writeOnnx } from '@espalier/importers';
import { arg, call, createBuilder, evaluate, literal, type Tensor } from '@espalier/ir';
import t from 'tap';
import { difference } from '../support/compare.ts';
import { runOnnx } from '../support/onnxruntime.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { modelCases } from '../support/trained-models.ts';

/** The largest take long to run, and have nothing that these lack. */
const models = new Set([
  ...['espcn_x2', 'fastestdet', 'resnet20_cifar10', 'rlfn_s_x2', 'sinet_portrait'],
  ...['yolo_fastest_1_1_coco', 'ocr-cls', 'ocr-ppv4-rec', 'ocr-ppv4-det'],
]);

t.test('networks survive being written', skipWithoutData, async (t) => {
  for (const { title, model, file, inputs, outputs } of modelCases()) {
    if (!models.delete(model)) continue;
    const shapes = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [name, shape]),
    );
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape, data }]): [string, Tensor] => [
        name,
        { type: { dtype: 'f32', shape }, data },
      ]),
    );
    const bytes = readFileSync(file);
    const before = await runOnnx(bytes, feeds);
    const after = await runOnnx(writeOnnx(importOnnx(bytes, { file, shapes })), feeds);
    for (const [name, { maxabs }] of Object.entries(outputs)) {
      // Networks are compared by their largest output, as everywhere.
      const tolerance = { relative: 0, absolute: 1e-4 * maxabs };
      const found = difference(before[name]!, after[name], tolerance);
      t.equal(found, undefined, `${title}: ${name} is the same within 1e-4`);
    }
  }
  t.same([...models], [], 'every network was there');
});

t.test('epilogues, expressions over some operands, and shared outputs are written', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [2, 3] });
  const row = b.input('row', { dtype: 'f32', shape: [3] });
  const sum = b.reduce(x, { kind: 'sum', axes: [1], keepDims: true });
  if (sum.kind !== 'op') return t.fail('a reduction is an op');
  const after = b.withEpilogue(sum, call('gt', arg(0), literal(0)), []);
  const unread = b.map([row, x], { expr: call('mul', arg(0), arg(0)) });
  const outputs = [
    { name: 'positive', node: after },
    { name: 'squares', node: unread },
    { name: 'again', node: unread },
    { name: 'same', node: x },
    { name: 'seven', node: b.value(7, 'i32') },
    { name: 'rest', node: b.map([x, row], { expr: call('mod', arg(0), arg(1)) }) },
  ];
  const graph = { inputs: [x, row], outputs };
  const inputs: Record<string, Tensor> = {
    x: { type: x.type, data: Float32Array.of(1, -2, 3, -4, 5, -6) },
    row: { type: row.type, data: Float32Array.of(2, -3, 0.75) },
  };
  const [expected, actual] = [evaluate(graph, inputs), await runOnnx(writeOnnx(graph), inputs)];
  for (const [name, tensor] of Object.entries(expected))
    t.equal(
      difference(tensor, actual[name], { relative: 1e-6, absolute: 1e-6 }),
      undefined,
      `${name} is the same`,
    );
});

t.test('extremes, orders, running sums and writes by index are written', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [4, 3] });
  const indices = b.input('indices', { dtype: 'i32', shape: [2] });
  const axis = 1;
  const updates = b.slice(x, { starts: [1, 0], sizes: [2, 3], steps: [1, 1] });
  const named = {
    greatest: b.argReduce(x, { kind: 'max', axis, keepDims: false, pick: 'last' }),
    order: b.topK(x, { axis, k: 2, largest: false }),
    sums: b.cumSum(x, { axis: 0, exclusive: true, reverse: true }),
    set: b.scatter(x, indices, updates, { kind: 'set' }),
    added: b.scatter(x, indices, updates, { kind: 'add' }),
  };
  const outputs = Object.entries(named).map(([name, node]) => ({ name, node }));
  const graph = { inputs: [x, indices], outputs };
  const inputs: Record<string, Tensor> = {
    x: { type: x.type, data: Float32Array.of(1, 5, 5, -2, 0.5, -3, 4, 4, 9, 7, 8, 6) },
    indices: { type: indices.type, data: Int32Array.of(3, 0) },
  };
  const [expected, actual] = [evaluate(graph, inputs), await runOnnx(writeOnnx(graph), inputs)];
  for (const [name, tensor] of Object.entries(expected))
    t.equal(
      difference(tensor, actual[name], { relative: 1e-6, absolute: 1e-6 }),
      undefined,
      `${name} is the same`,
    );
  const lost = b.scatter(x, indices, updates, { kind: 'max' });
  t.throws(
    () => writeOnnx({ inputs: [x, indices], outputs: [{ name: 'lost', node: lost }] }),
    { code: 'NOT_IN_ONNX' },
    'what opset 17 lacks is refused',
  );
});
