// What holds for every op of the table: names, nothing in gives nothing out, costs.

import {
  compositions,
  elementCount,
  type OpName,
  opOf,
  ops,
  parseScalar,
  primitives,
} from '@espalier/ir';
import t from 'tap';
import { compute } from '../support/by-index.ts';
import { infer } from '../support/ir.ts';
import { randomTensor, typeOf } from '../support/tensors.ts';

interface Sample {
  readonly inputs: readonly string[];
  readonly attrs?: object;
}

const sliding = { stride: [1, 2], dilation: [1, 1], pads: [1, 0, 1, 1] };
const conv = { ...sliding, groups: 1 };
const pool = { ...sliding, kernel: [3, 2] };
const resized = {
  mode: 'linear',
  coordinates: 'half_pixel',
  nearest: 'floor',
  cubicA: -0.75,
  excludeOutside: false,
  antialias: false,
  extrapolation: 0,
  axes: [{ axis: 2, outLength: 6, scale: 2 }],
};

/** Operands with a zero extent somewhere, for each op. */
const empty: Readonly<Record<OpName, readonly Sample[]>> = {
  map: [{ inputs: ['f32[0,3]', 'f32[3]'], attrs: { expr: parseScalar('a0 + a1') } }],
  conv: [
    { inputs: ['f32[0,3,5,5]', 'f32[4,3,3,2]', 'f32[4]'], attrs: conv },
    { inputs: ['f32[1,0,5,5]', 'f32[4,0,3,2]', 'f32[4]'], attrs: conv },
    { inputs: ['f32[1,3,5,5]', 'f32[0,3,3,2]', 'f32[0]'], attrs: conv },
    { inputs: ['f32[1,3,0,0]', 'f32[4,3,3,2]', 'f32[4]'], attrs: conv },
  ],
  convInteger: [
    { inputs: ['u8[0,3,5,5]', 'i32[4,3,3,2]', 'i32[4]'], attrs: { ...conv, zero: 3 } },
    { inputs: ['u8[1,3,0,0]', 'i32[4,3,3,2]', 'i32[4]'], attrs: { ...conv, zero: 3 } },
  ],
  convTranspose: [
    {
      inputs: ['f32[0,3,5,5]', 'f32[3,4,3,2]', 'f32[4]'],
      attrs: { ...conv, outputPadding: [0, 0] },
    },
    {
      inputs: ['f32[1,0,5,5]', 'f32[0,4,3,2]', 'f32[4]'],
      attrs: { ...conv, outputPadding: [0, 0] },
    },
    {
      inputs: ['f32[1,3,5,5]', 'f32[3,0,3,2]', 'f32[0]'],
      attrs: { ...conv, outputPadding: [0, 0] },
    },
  ],
  matmul: [
    { inputs: ['f32[0,2,3]', 'f32[3,4]'] },
    { inputs: ['f32[2,0]', 'f32[0,4]'] },
    { inputs: ['f32[2,3]', 'f32[3,0]'] },
  ],
  linear: [
    { inputs: ['f32[0,3]', 'f32[2,3]', 'f32[2]'] },
    { inputs: ['f32[2,0]', 'f32[2,0]', 'f32[2]'] },
    { inputs: ['f32[2,3]', 'f32[0,3]', 'f32[0]'] },
  ],
  maxPool: [
    { inputs: ['f32[1,0,5,5]'], attrs: pool },
    { inputs: ['f32[1,2,0,0]'], attrs: pool },
  ],
  sumPool: [
    { inputs: ['f32[0,2,5,5]'], attrs: pool },
    { inputs: ['f32[1,2,0,0]'], attrs: pool },
  ],
  avgPool: [
    { inputs: ['f32[0,2,5,5]'], attrs: { ...pool, countPads: false } },
    { inputs: ['f32[1,2,0,0]'], attrs: { ...pool, countPads: false } },
  ],
  reduce: [
    { inputs: ['f32[0,3]'], attrs: { kind: 'sum', axes: [1], keepDims: false } },
    { inputs: ['f32[0,3]'], attrs: { kind: 'sum', axes: [0], keepDims: true } },
    { inputs: ['f32[0,3]'], attrs: { kind: 'prod', axes: [0], keepDims: true } },
  ],
  mean: [{ inputs: ['f32[0,3]'], attrs: { axes: [1], keepDims: false } }],
  softmax: [
    { inputs: ['f32[2,0]'], attrs: { axis: 1 } },
    { inputs: ['f32[0,2]'], attrs: { axis: 1 } },
  ],
  logSoftmax: [{ inputs: ['f32[2,0]'], attrs: { axis: 1 } }],
  layerNorm: [
    { inputs: ['f32[0,3]', 'f32[3]', 'f32[3]'], attrs: { axis: 1, epsilon: 1 } },
    { inputs: ['f32[2,0]', 'f32[0]', 'f32[0]'], attrs: { axis: 1, epsilon: 1 } },
  ],
  instanceNorm: [{ inputs: ['f32[0,3,2]', 'f32[3]', 'f32[3]'], attrs: { epsilon: 1 } }],
  batchNorm: [
    { inputs: ['f32[0,3]', 'f32[3]', 'f32[3]', 'f32[3]', 'f32[3]'], attrs: { epsilon: 1 } },
  ],
  gelu: [{ inputs: ['f32[0]'], attrs: { approximate: 'tanh' } }],
  resample: [
    { inputs: ['f32[0,5]', 'i32[2,2]', 'f32[2,2]'], attrs: { axis: 1 } },
    { inputs: ['f32[2,5]', 'i32[0,2]', 'f32[0,2]'], attrs: { axis: 1 } },
    { inputs: ['f32[2,5]', 'i32[2,0]', 'f32[2,0]'], attrs: { axis: 1 } },
  ],
  resize: [{ inputs: ['f32[1,0,3,3]'], attrs: resized }],
  gather: [
    { inputs: ['f32[0,5]', 'i32[2]'], attrs: { axis: 1 } },
    { inputs: ['f32[2,0]', 'i32[0,3]'], attrs: { axis: 1 } },
  ],
  gatherElements: [
    { inputs: ['f32[2,0]', 'i32[2,0]'], attrs: { axis: 1 } },
    { inputs: ['f32[2,5]', 'i32[0,3]'], attrs: { axis: 1 } },
  ],
  gatherNd: [
    { inputs: ['f32[3,0]', 'i32[2,1]'], attrs: { batchDims: 0 } },
    { inputs: ['f32[3,4]', 'i32[0,2]'], attrs: { batchDims: 0 } },
    { inputs: ['f32[0,4]', 'i32[0,2,1]'], attrs: { batchDims: 1 } },
  ],
  scatter: [
    { inputs: ['f32[0,2]', 'i32[3]', 'f32[3,2]'], attrs: { kind: 'add' } },
    { inputs: ['f32[3,2]', 'i32[0]', 'f32[0,2]'], attrs: { kind: 'set' } },
    { inputs: ['f32[3,0]', 'i32[2]', 'f32[2,0]'], attrs: { kind: 'set' } },
  ],
  scatterNd: [{ inputs: ['f32[3,0]', 'i32[2,1]', 'f32[2,0]'], attrs: { kind: 'set' } }],
  argReduce: [
    {
      inputs: ['f32[0,3]'],
      attrs: { kind: 'max', axis: 1, keepDims: false, pick: 'first' },
    },
  ],
  topK: [
    { inputs: ['f32[2,0]'], attrs: { axis: 1, k: 0, largest: true } },
    { inputs: ['f32[0,3]'], attrs: { axis: 1, k: 2, largest: true } },
    { inputs: ['f32[2,3]'], attrs: { axis: 1, k: 0, largest: true } },
  ],
  cumSum: [{ inputs: ['f32[2,0]'], attrs: { axis: 1, exclusive: false, reverse: false } }],
  suppress: [{ inputs: ['f32[2,0,4]', 'bool[2,0]'], attrs: { iouThreshold: 0.5, most: 3 } }],
  nonMaxSuppression: [
    {
      inputs: ['f32[2,0,4]', 'f32[2,3,0]'],
      attrs: { most: 3, iouThreshold: 0.5, scoreThreshold: 0, boxes: 'corners' },
    },
    {
      inputs: ['f32[2,5,4]', 'f32[2,0,5]'],
      attrs: { most: 3, iouThreshold: 0.5, scoreThreshold: 0, boxes: 'centre' },
    },
  ],
  oneHot: [{ inputs: ['i32[0,3]'], attrs: { depth: 4, axis: 2 } }],
  transpose: [{ inputs: ['f32[0,2,3]'], attrs: { perm: [2, 0, 1] } }],
  reshape: [{ inputs: ['f32[0,2]'], attrs: { shape: [3, 0, 5] } }],
  slice: [
    { inputs: ['f32[3,2]'], attrs: { starts: [2, 1], sizes: [0, 2], steps: [-1, -1] } },
    { inputs: ['f32[0,2]'], attrs: { starts: [0, 0], sizes: [0, 2], steps: [1, 1] } },
  ],
  concat: [{ inputs: ['f32[0,2]', 'f32[0,2]'], attrs: { axis: 0 } }],
  pad: [{ inputs: ['f32[0,2]'], attrs: { before: [0, 1], after: [2, 0], value: 1 } }],
  expand: [{ inputs: ['f32[1,3]'], attrs: { shape: [0, 3] } }],
  depthToSpace: [{ inputs: ['f32[0,4,2,2]'], attrs: { block: 2, mode: 'DCR' } }],
  spaceToDepth: [{ inputs: ['f32[1,4,0,2]'], attrs: { block: 2 } }],
};

for (const [name, samples] of Object.entries(empty))
  t.test(`${name} takes extents of zero`, async (t) => {
    const op = name as OpName; // a key of the table
    for (const { inputs, attrs } of samples) {
      const operands = inputs.map((text, i) => randomTensor(typeOf(text), i));
      const y = compute(op, operands, attrs);
      t.same(y.type, infer(ops[op], inputs, attrs), `${inputs}: the type is as inferred`);
      t.equal(y.data.length, elementCount(y.type.shape), `${inputs}: with as many elements`);
    }
  });

t.test('sums of no terms leave the bias', async (t) => {
  const bias = randomTensor(typeOf('f32[4]'), 3);
  const zero = (text: string) => randomTensor(typeOf(text), 1);
  const y = compute('conv', [zero('f32[1,0,5,5]'), zero('f32[4,0,3,3]'), bias], conv);
  t.same(new Set(y.data), new Set(bias.data), 'conv');
  const z = compute('linear', [zero('f32[1,0]'), zero('f32[4,0]'), bias]);
  t.same([...z.data], [...bias.data], 'linear');
});

/** Primitives whose results are indices or decisions, or come of codes. */
const steps = new Set(['argReduce', 'convInteger', 'suppress', 'topK']);

t.test('every op is a primitive with loops or a composition with its parts', async (t) => {
  for (const [name, op] of Object.entries(primitives)) {
    t.equal(op.name, name, `${name} is named as its key`);
    t.ok('evaluate' in op && !('decompose' in op), `${name} has loops`);
    if (!steps.has(name)) t.not(op.gradient, 'none', `${name} has a gradient`);
  }
  for (const [name, op] of Object.entries(compositions)) {
    t.equal(op.name, name, `${name} is named as its key`);
    t.ok('decompose' in op && !('evaluate' in op), `${name} has parts`);
  }
});

t.test('multiply-accumulates are counted as in the literature', async (t) => {
  const macs = (op: OpName, inputs: readonly string[], attrs: object = {}) =>
    opOf(op).macs(attrs, inputs.map(typeOf), infer(ops[op], inputs, attrs));
  const square = { stride: [2, 2], dilation: [1, 1], pads: [3, 3, 3, 3], groups: 1 };
  t.equal(
    macs('conv', ['f32[1,3,224,224]', 'f32[64,3,7,7]', 'f32[64]'], square),
    118_013_952,
    'the stem of ResNet',
  );
  const depthwise = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 32 };
  t.equal(
    macs('conv', ['f32[1,32,112,112]', 'f32[32,1,3,3]', 'f32[32]'], depthwise),
    3_612_672,
    'a depthwise layer of MobileNet',
  );
  t.equal(
    macs('convTranspose', ['f32[1,8,5,5]', 'f32[8,2,4,4]', 'f32[4]'], {
      ...square,
      pads: [1, 1, 1, 1],
      groups: 2,
      outputPadding: [0, 0],
    }),
    8 * 25 * 2 * 16,
    'each pixel once a tap and output of its group',
  );
  t.equal(macs('matmul', ['f32[2,3,5]', 'f32[5,7]']), 2 * 3 * 5 * 7, 'M · K · N a matrix');
  t.equal(macs('linear', ['f32[1,512]', 'f32[1000,512]', 'f32[1000]']), 512_000, 'a classifier');
  t.equal(macs('resample', ['f32[4,5]', 'i32[7,2]', 'f32[7,2]'], { axis: 1 }), 4 * 7 * 2, 'taps');
  t.equal(macs('map', ['f32[9]', 'f32[9]'], { expr: parseScalar('a0 * a1') }), 0, 'maps are free');
});
