// Whole networks written as ONNX and run by ONNX Runtime give what the original file gives.

import { readFileSync } from 'node:fs';
import { importOnnx, writeOnnx } from '@espalier/importers';
import {
  arg,
  call,
  createBuilder,
  elementCount,
  evaluate,
  literal,
  type Tensor,
} from '@espalier/ir';
import t from 'tap';
import { difference } from '../support/compare.ts';
import { seeded } from '../support/hostile.ts';
import { runOnnx } from '../support/onnxruntime.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

const models = [
  'espcn_x2',
  'fastestdet',
  'resnet20_cifar10',
  'rlfn_s_x2',
  'sinet_portrait',
  'yolo_fastest_1_1_coco',
];

for (const name of models)
  t.test(`${name} survives being written`, skipWithoutData, async (t) => {
    const bytes = readFileSync(sharedData('models', name, 'model.onnx'));
    const spec = JSON.parse(readFileSync(sharedData('models', name, 'spec.json'), 'utf8'));
    const [example] = spec.cases as { inputs: Record<string, { tensor_shape: number[] }> }[];
    const shapes = Object.fromEntries(
      Object.entries(example!.inputs).map(([key, { tensor_shape }]) => [key, tensor_shape]),
    );
    const random = seeded(1);
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([key, shape]): [string, Tensor] => {
        const data = Float32Array.from({ length: elementCount(shape) }, random);
        return [key, { type: { dtype: 'f32', shape }, data }];
      }),
    );
    const written = writeOnnx(importOnnx(bytes, { file: name, shapes }));
    const [before, after] = [await runOnnx(bytes, inputs), await runOnnx(written, inputs)];
    for (const [key, tensor] of Object.entries(before)) {
      const largest = tensor.data.reduce(
        (most: number, value) => Math.max(most, Math.abs(value)),
        0,
      );
      // Networks are compared by their largest output, as everywhere.
      const found = difference(tensor, after[key], { relative: 0, absolute: 1e-4 * largest });
      t.equal(found, undefined, `${key} is the same within 1e-4`);
    }
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
