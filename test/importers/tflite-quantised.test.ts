// Quantised operators, against LiteRT: within one code, and products of codes nearly always equal.

import { importTflite } from '@espalier/importers';
import { evaluate, type Tensor } from '@espalier/ir';
import t from 'tap';
import { difference } from '../support/compare.ts';
import { seeded } from '../support/hostile.ts';
import { runLiteRt } from '../support/litert.ts';
import { type QuantisedOperator, quantisedFile } from '../support/quantised-tflite.ts';
import { start } from '../support/run-compiled.ts';
import { type Field, writeTflite } from '../support/write-tflite.ts';

type Case = readonly [title: string, operator: QuantisedOperator, mostUnequal?: number];

const i8 = { type: 'i8', output: { scale: 0.04, zero: -5 } } as const;
const x = (shape: readonly number[], scale = 0.015, zero = 3) => ({ shape, scale, zero });

const window = (pad: number, stride: number): Field[] => [
  [0, 'i8', pad],
  [1, 'i32', stride],
  [2, 'i32', stride],
];

const conv = (title: string, more: Partial<QuantisedOperator>, act = 0): Case => [
  `a convolution ${title}`,
  {
    ...i8,
    builtin: 3,
    version: 3,
    inputs: [x([1, 7, 6, 5])],
    weights: { shape: [4, 3, 3, 5], axis: 0, perChannel: true },
    options: 1,
    fields: [...window(0, 1), [3, 'i8', act], [4, 'i32', 1], [5, 'i32', 1]],
    ...more,
  },
  0.01,
];

const depthwise = (title: string, act: number): Case => [
  `a depthwise convolution ${title}`,
  {
    ...i8,
    builtin: 4,
    version: 3,
    inputs: [x([1, 7, 6, 4])],
    weights: { shape: [1, 3, 3, 4], axis: 3, perChannel: true },
    options: 2,
    fields: [...window(0, 2), [3, 'i32', 1], [4, 'i8', act], [5, 'i32', 1], [6, 'i32', 1]],
  },
  0.01,
];

const dense = (title: string, act: number): Case => [
  `a fully connected layer ${title}`,
  {
    ...i8,
    builtin: 9,
    version: 4,
    inputs: [x([3, 12])],
    weights: { shape: [5, 12], axis: 0, perChannel: false },
    options: 8,
    fields: [[0, 'i8', act]],
  },
  0.01,
];

const pair = (title: string, builtin: number, options: number, act = 0): Case => [
  title,
  {
    ...i8,
    builtin,
    version: 2,
    inputs: [x([1, 4, 5, 3]), x([1, 4, 5, 3], 0.02, -7)],
    options,
    fields: [[0, 'i8', act]],
  },
];

const unary = (title: string, builtin: number, scale: number, zero: number, rest = {}): Case => [
  title,
  { ...i8, builtin, inputs: [x([1, 4, 5, 3], 0.03, 4)], output: { scale, zero }, ...rest },
];

const pool = (title: string, builtin: number): Case => [
  title,
  {
    ...i8,
    builtin,
    version: 2,
    inputs: [x([1, 6, 6, 3], 0.02, 3)],
    output: { scale: 0.02, zero: 3 },
    options: 5,
    fields: [...window(0, 2), [3, 'i32', 3], [4, 'i32', 3]],
  },
];

const whole = (shape: readonly number[], ...data: number[]) => ({
  shape,
  data: Int32Array.from(data),
});

const cases: readonly Case[] = [
  conv('with a scale for each channel', {}),
  conv('with relu', {}, 1),
  conv('with relu6', { output: { scale: 0.03, zero: -128 } }, 3),
  conv('with one scale', { weights: { shape: [4, 3, 3, 5], axis: 0, perChannel: false } }),
  conv('of unsigned codes', {
    type: 'u8',
    version: 1,
    inputs: [x([1, 7, 6, 5], 0.015, 130)],
    weights: { shape: [4, 3, 3, 5], axis: 0, perChannel: false, zero: 120 },
    output: { scale: 0.05, zero: 128 },
  }),
  depthwise('of stride 2', 0),
  depthwise('with relu6', 3),
  dense('as it is', 0),
  dense('with relu', 1),
  pair('ADD of two scales', 0, 11),
  pair('ADD with relu', 0, 11, 1),
  pair('MUL', 18, 21),
  pair('SUB', 41, 28),
  pool('an average pool', 1),
  pool('a maximum pool', 17),
  unary('LOGISTIC', 14, 1 / 256, -128),
  unary('TANH', 28, 1 / 128, 0),
  unary('HARD_SWISH', 117, 0.02, -20),
  unary('RELU to another scale', 19, 0.02, -128, { version: 2 }),
  unary('SOFTMAX', 25, 1 / 256, -128, { options: 9, fields: [[0, 'f32', 1]] }),
  unary('MEAN', 40, 0.03, 4, {
    version: 2,
    extra: [whole([2], 1, 2)],
    options: 27,
    fields: [[0, 'bool', true]],
  }),
  unary('PAD', 34, 0.03, 4, { version: 2, extra: [whole([4, 2], 0, 0, 1, 1, 2, 0, 0, 0)] }),
  unary('RESHAPE', 22, 0.03, 4, { extra: [whole([2], 5, 12)] }),
  unary('RESIZE_NEAREST_NEIGHBOR', 97, 0.03, 4, {
    version: 2,
    extra: [whole([2], 8, 9)],
    options: 74,
  }),
  unary('RESIZE_BILINEAR', 23, 0.03, 4, {
    version: 2,
    extra: [whole([2], 8, 9)],
    options: 15,
    fields: [[3, 'bool', true]],
  }),
  [
    'CONCATENATION of two scales',
    {
      ...i8,
      builtin: 2,
      version: 2,
      inputs: [x([2, 3]), x([2, 4])],
      output: { scale: 0.015, zero: 3 },
      options: 10,
      fields: [[0, 'i32', 1]],
    },
  ],
];

for (const [title, operator, mostUnequal = 1] of cases)
  t.test(`${title} gives LiteRT's codes`, async (t) => {
    const draft = importTflite(quantisedFile(operator, [1]), { file: 'draft' });
    const bytes = quantisedFile(operator, draft.outputs[0]!.node.type.shape);
    const graph = importTflite(bytes, { file: 'one.tflite' });
    const random = seeded(3);
    const feeds = graph.inputs.map(({ type }): Tensor => {
      const length = type.shape.reduce((product, extent) => product * extent, 1);
      return { type, data: Float32Array.from({ length }, () => random() * 4 - 2) };
    });
    const named = Object.fromEntries(graph.inputs.map(({ name }, i) => [name, feeds[i]!]));
    const y = evaluate(graph, named).y!;
    const [expected] = await runLiteRt(bytes, feeds);
    t.equal(y.data.length, expected!.length, 'as many');
    const steps = Array.from(
      expected!,
      (value, i) => Math.abs(value - y.data[i]!) / operator.output.scale,
    );
    t.ok(Math.max(...steps) < 1.01, `within one code: ${Math.max(...steps)}`);
    const unequal = steps.filter((step) => step > 0.01).length / steps.length;
    t.ok(unequal <= mostUnequal, `${(100 * unequal).toFixed(1)} % differ at all`);
    t.comment(`${(100 * unequal).toFixed(1)} % differ`);
    const compiled = start(graph).run(named).y;
    t.equal(
      difference(y, compiled, { relative: 1e-6, absolute: operator.output.scale * 1.01 }),
      undefined,
      'as compiled',
    );
  });

t.test('a layer of floats whose weights alone are codes is computed in floats', async (t) => {
  const bytes = writeTflite({
    tensors: [
      { shape: [1, 2], name: 'x' },
      {
        shape: [2, 2],
        type: 'i8',
        data: Int8Array.of(1, -2, 3, 4),
        scales: [0.5, 0.25],
        zeros: [0, 0],
      },
      { shape: [2], data: Float32Array.of(10, 20) },
      { shape: [1, 2], name: 'y' },
    ],
    operators: [{ builtin: 9, inputs: [0, 1, 2], outputs: [3] }],
    inputs: [0],
    outputs: [3],
  });
  const x: Tensor = { type: { dtype: 'f32', shape: [1, 2] }, data: Float32Array.of(1, 3) };
  const { y } = evaluate(importTflite(bytes, { file: 'hybrid.tflite' }), { x });
  t.same(Array.from(y!.data), [10 + 0.5 * (1 - 6), 20 + 0.25 * (3 + 12)], 'a scale for each row');
});
