// What each op refuses, and by which code.

import { type OpName, ops, parseScalar } from '@espalier/ir';
import t from 'tap';
import { infer } from '../support/ir.ts';

type Code = 'BAD_SHAPE' | 'BAD_DTYPE';
/** What is wrong, the operands, the attributes. */
type Refusal = readonly [
  why: string,
  inputs: readonly string[],
  attrs: object,
  code?: Code | undefined,
];

const sliding = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] };
const conv = { ...sliding, groups: 1 };
const pool = { ...sliding, kernel: [2, 2] };
const image = 'f32[1,4,5,5]';
const resized = {
  mode: 'nearest',
  coordinates: 'half_pixel',
  nearest: 'floor',
  cubicA: -0.75,
  excludeOutside: false,
  antialias: false,
  extrapolation: 0,
};

const extreme = { kind: 'max', axis: 0, keepDims: true, pick: 'first' };
const boxes = { most: 1, iouThreshold: 0.5, scoreThreshold: 0, boxes: 'corners' };

const windows: readonly Refusal[] = [
  ['a window beyond the input', ['f32[1,4,1,5]'], pool],
  ['a window of no taps', [image], { ...pool, kernel: [0, 2] }],
  ['a window of half a tap', [image], { ...pool, kernel: [1.5, 2] }],
  ['a stride of 0', [image], { ...pool, stride: [0, 1] }],
  ['a dilation of 0', [image], { ...pool, dilation: [1, 0] }],
  ['a pad below 0', [image], { ...pool, pads: [0, 0, -1, 0] }],
  ['rank 3', ['f32[4,5,5]'], pool],
  ['integers', ['i32[1,4,5,5]'], pool, 'BAD_DTYPE'],
];

const refusals: Readonly<Record<OpName, readonly Refusal[]>> = {
  map: [
    ['shapes that do not broadcast', ['f32[2]', 'f32[3]'], { expr: parseScalar('a0 + a1') }],
    ['zero against three', ['f32[0]', 'f32[3]'], { expr: parseScalar('a0 + a1') }],
    ['mixed types', ['f32[2]', 'i32[2]'], { expr: parseScalar('a0 + a1') }, 'BAD_DTYPE'],
    ['an argument too many', ['f32[2]'], { expr: parseScalar('a0 + a1') }, 'BAD_DTYPE'],
  ],
  conv: [
    ['weights for other channels', [image, 'f32[6,3,3,3]', 'f32[6]'], conv],
    [
      'outputs that groups do not divide',
      [image, 'f32[5,2,3,3]', 'f32[5]'],
      { ...conv, groups: 2 },
    ],
    ['a fraction of a group', [image, 'f32[3,8,3,3]', 'f32[3]'], { ...conv, groups: 0.5 }],
    ['a bias of another length', [image, 'f32[6,4,3,3]', 'f32[5]'], conv],
    ['a bias of rank 0', [image, 'f32[1,4,3,3]', 'f32[]'], conv],
    ['a kernel beyond the padded input', [image, 'f32[6,4,6,3]', 'f32[6]'], conv],
    ['weights of rank 3', [image, 'f32[6,4,3]', 'f32[6]'], conv],
    ['integer weights', [image, 'i32[6,4,3,3]', 'f32[6]'], conv, 'BAD_DTYPE'],
    ['two operands', [image, 'f32[6,4,3,3]'], conv],
  ],
  convInteger: [
    ['weights for other channels', ['u8[1,4,5,5]', 'i32[6,3,3,3]', 'i32[6]'], { ...conv, zero: 0 }],
    [
      'a code of zero that is none',
      ['u8[1,4,5,5]', 'i32[6,4,3,3]', 'i32[6]'],
      { ...conv, zero: 256 },
    ],
    ['floats', [image, 'i32[6,4,3,3]', 'i32[6]'], { ...conv, zero: 0 }, 'BAD_DTYPE'],
    [
      'weights in floats',
      ['u8[1,4,5,5]', 'f32[6,4,3,3]', 'i32[6]'],
      { ...conv, zero: 0 },
      'BAD_DTYPE',
    ],
  ],
  convTranspose: [
    [
      'weights for other channels',
      [image, 'f32[3,6,3,3]', 'f32[6]'],
      { ...conv, outputPadding: [0, 0] },
    ],
    [
      'channels that groups do not divide',
      [image, 'f32[4,2,3,3]', 'f32[6]'],
      { ...conv, groups: 3, outputPadding: [0, 0] },
    ],
    [
      'a bias of another length',
      [image, 'f32[4,6,3,3]', 'f32[4]'],
      { ...conv, outputPadding: [0, 0] },
    ],
    [
      'output padding below 0',
      [image, 'f32[4,6,3,3]', 'f32[6]'],
      { ...conv, outputPadding: [0, -1] },
    ],
    [
      'pads that cut everything off',
      [image, 'f32[4,6,1,1]', 'f32[6]'],
      { ...conv, pads: [3, 0, 3, 0], outputPadding: [0, 0] },
    ],
    [
      'integers',
      ['i32[1,4,5,5]', 'f32[4,6,3,3]', 'f32[6]'],
      { ...conv, outputPadding: [0, 0] },
      'BAD_DTYPE',
    ],
  ],
  matmul: [
    ['depths that differ', ['f32[2,3]', 'f32[4,5]'], {}],
    ['a vector', ['f32[3]', 'f32[3,5]'], {}],
    ['batches that do not broadcast', ['f32[2,2,3]', 'f32[3,3,5]'], {}],
    ['integers', ['f32[2,3]', 'i32[3,5]'], {}, 'BAD_DTYPE'],
  ],
  linear: [
    ['weights of another depth', ['f32[2,3]', 'f32[5,4]', 'f32[5]'], {}],
    ['a bias of another length', ['f32[2,3]', 'f32[5,3]', 'f32[3]'], {}],
    ['a scalar', ['f32[]', 'f32[5,3]', 'f32[5]'], {}],
    ['integers', ['i32[2,3]', 'f32[5,3]', 'f32[5]'], {}, 'BAD_DTYPE'],
  ],
  maxPool: windows,
  sumPool: windows,
  avgPool: windows.map(([why, inputs, attrs, code]) => [
    why,
    inputs,
    { ...attrs, countPads: true },
    code,
  ]),
  reduce: [
    ['an axis beyond the rank', ['f32[2,3]'], { kind: 'sum', axes: [2], keepDims: true }],
    ['an axis from the end', ['f32[2,3]'], { kind: 'sum', axes: [-1], keepDims: true }],
    ['axes out of order', ['f32[2,3]'], { kind: 'sum', axes: [1, 0], keepDims: true }],
    ['an axis twice', ['f32[2,3]'], { kind: 'sum', axes: [1, 1], keepDims: true }],
    ['sums of bool', ['bool[2,3]'], { kind: 'sum', axes: [1], keepDims: true }, 'BAD_DTYPE'],
  ],
  mean: [
    ['an axis beyond the rank', ['f32[2,3]'], { axes: [2], keepDims: true }],
    ['means of bool', ['bool[2,3]'], { axes: [1], keepDims: true }, 'BAD_DTYPE'],
  ],
  softmax: [
    ['an axis beyond the rank', ['f32[2,3]'], { axis: 2 }],
    ['half an axis', ['f32[2,3]'], { axis: 0.5 }],
    ['integers', ['i32[2,3]'], { axis: 1 }, 'BAD_DTYPE'],
  ],
  logSoftmax: [
    ['an axis beyond the rank', ['f32[2,3]'], { axis: 2 }],
    ['integers', ['i32[2,3]'], { axis: 1 }, 'BAD_DTYPE'],
  ],
  layerNorm: [
    ['a scale of another shape', ['f32[2,3]', 'f32[2]', 'f32[3]'], { axis: 1, epsilon: 0 }],
    ['a bias of another shape', ['f32[2,3]', 'f32[3]', 'f32[1]'], { axis: 1, epsilon: 0 }],
    ['an axis beyond the rank', ['f32[2,3]', 'f32[]', 'f32[]'], { axis: 2, epsilon: 0 }],
    ['integers', ['f32[2,3]', 'i32[3]', 'f32[3]'], { axis: 1, epsilon: 0 }, 'BAD_DTYPE'],
  ],
  instanceNorm: [
    ['a scale of another length', ['f32[2,3,4]', 'f32[4]', 'f32[3]'], { epsilon: 0 }],
    ['rank 2', ['f32[2,3]', 'f32[3]', 'f32[3]'], { epsilon: 0 }],
    ['integers', ['i32[2,3,4]', 'f32[3]', 'f32[3]'], { epsilon: 0 }, 'BAD_DTYPE'],
  ],
  batchNorm: [
    [
      'statistics of another length',
      ['f32[2,3]', 'f32[3]', 'f32[3]', 'f32[2]', 'f32[3]'],
      { epsilon: 0 },
    ],
    ['four operands', ['f32[2,3]', 'f32[3]', 'f32[3]', 'f32[3]'], { epsilon: 0 }],
    ['rank 1', ['f32[3]', 'f32[3]', 'f32[3]', 'f32[3]', 'f32[3]'], { epsilon: 0 }],
    ['integers', ['f32[2,3]', 'f32[3]', 'i32[3]', 'f32[3]', 'f32[3]'], { epsilon: 0 }, 'BAD_DTYPE'],
  ],
  gelu: [['integers', ['i32[3]'], { approximate: 'none' }, 'BAD_DTYPE']],
  resample: [
    ['weights for another table', ['f32[5]', 'i32[4,2]', 'f32[4,3]'], { axis: 0 }],
    ['a table of rank 1', ['f32[5]', 'i32[4]', 'f32[4]'], { axis: 0 }],
    ['an axis beyond the rank', ['f32[5]', 'i32[4,2]', 'f32[4,2]'], { axis: 1 }],
    ['nothing to read', ['f32[0]', 'i32[4,2]', 'f32[4,2]'], { axis: 0 }],
    ['indices that are no integers', ['f32[5]', 'f32[4,2]', 'f32[4,2]'], { axis: 0 }, 'BAD_DTYPE'],
  ],
  resize: [
    ['a scale of 0', ['f32[5]'], { ...resized, axes: [{ axis: 0, outLength: 1, scale: 0 }] }],
    [
      'an axis beyond the rank',
      ['f32[5]'],
      { ...resized, axes: [{ axis: 1, outLength: 1, scale: 1 }] },
    ],
    [
      'half an element',
      ['f32[5]'],
      { ...resized, axes: [{ axis: 0, outLength: 2.5, scale: 0.5 }] },
    ],
    [
      'something of nothing',
      ['f32[0]'],
      { ...resized, axes: [{ axis: 0, outLength: 2, scale: 2 }] },
    ],
    [
      'integers',
      ['i32[5]'],
      { ...resized, axes: [{ axis: 0, outLength: 5, scale: 1 }] },
      'BAD_DTYPE',
    ],
  ],
  gather: [
    ['an axis beyond the rank', ['f32[5]', 'i32[2]'], { axis: 1 }],
    ['picks from nothing', ['f32[0]', 'i32[2]'], { axis: 0 }],
    ['indices that are no integers', ['f32[5]', 'f32[2]'], { axis: 0 }, 'BAD_DTYPE'],
  ],
  transpose: [
    ['an axis twice', ['f32[2,3]'], { perm: [0, 0] }],
    ['an axis too few', ['f32[2,3]'], { perm: [0] }],
    ['an axis beyond the rank', ['f32[2,3]'], { perm: [0, 2] }],
  ],
  reshape: [
    ['more elements', ['f32[2,3]'], { shape: [7] }],
    ['an extent below 0', ['f32[2,3]'], { shape: [-2, -3] }],
    ['half an extent', ['f32[2,3]'], { shape: [4, 1.5] }],
  ],
  slice: [
    ['a start beyond the end', ['f32[5]'], { starts: [5], sizes: [1], steps: [1] }],
    ['a last element beyond the end', ['f32[5]'], { starts: [1], sizes: [3], steps: [2] }],
    ['a walk backwards beyond the start', ['f32[5]'], { starts: [1], sizes: [3], steps: [-1] }],
    ['a step of 0', ['f32[5]'], { starts: [0], sizes: [1], steps: [0] }],
    ['a size below 0', ['f32[5]'], { starts: [0], sizes: [-1], steps: [1] }],
    ['a list too short', ['f32[5,5]'], { starts: [0], sizes: [1], steps: [1] }],
  ],
  concat: [
    ['extents that differ elsewhere', ['f32[2,3]', 'f32[3,3]'], { axis: 1 }],
    ['ranks that differ', ['f32[2,3]', 'f32[2]'], { axis: 0 }],
    ['an axis beyond the rank', ['f32[2,3]'], { axis: 2 }],
    ['no operands', [], { axis: 0 }],
    ['mixed types', ['f32[2]', 'i32[2]'], { axis: 0 }, 'BAD_DTYPE'],
  ],
  pad: [
    ['a margin below 0', ['f32[5]'], { before: [-1], after: [0], value: 0 }],
    ['a list too short', ['f32[5,5]'], { before: [0, 0], after: [0], value: 0 }],
  ],
  expand: [
    ['an extent that is not 1', ['f32[2]'], { shape: [4] }],
    ['a lower rank', ['f32[1,3]'], { shape: [3] }],
    ['an extent below 0', ['f32[3]'], { shape: [-1, 3] }],
  ],
  argReduce: [
    ['an axis of nothing', ['f32[2,0]'], { ...extreme, axis: 1 }],
    ['an axis beyond the rank', ['f32[2]'], { ...extreme, axis: 1 }],
    ['decisions', ['bool[2]'], extreme, 'BAD_DTYPE'],
  ],
  topK: [
    ['more elements than there are', ['f32[2,3]'], { axis: 1, k: 4, largest: true }],
    ['half an element', ['f32[2,3]'], { axis: 1, k: 0.5, largest: true }],
    ['decisions', ['bool[2]'], { axis: 0, k: 1, largest: true }, 'BAD_DTYPE'],
  ],
  cumSum: [
    ['an axis beyond the rank', ['f32[2]'], { axis: 1, exclusive: false, reverse: false }],
    ['decisions', ['bool[2]'], { axis: 0, exclusive: false, reverse: false }, 'BAD_DTYPE'],
  ],
  scatter: [
    ['updates of another shape', ['f32[3,2]', 'i32[4]', 'f32[4,3]'], { kind: 'set' }],
    ['indices of rank 2', ['f32[3,2]', 'i32[4,1]', 'f32[4,2]'], { kind: 'set' }],
    ['a single number', ['f32[]', 'i32[1]', 'f32[1]'], { kind: 'set' }],
    ['mixed types', ['f32[3]', 'i32[4]', 'i32[4]'], { kind: 'set' }, 'BAD_DTYPE'],
    ['a sum of decisions', ['bool[3]', 'i32[4]', 'bool[4]'], { kind: 'add' }, 'BAD_DTYPE'],
  ],
  scatterNd: [
    ['updates of another shape', ['f32[3,2]', 'i32[4,1]', 'f32[4]'], { kind: 'set' }],
    ['indices of too many axes', ['f32[3]', 'i32[4,2]', 'f32[4]'], { kind: 'set' }],
    ['a sum of decisions', ['bool[3]', 'i32[4,1]', 'bool[4]'], { kind: 'add' }, 'BAD_DTYPE'],
  ],
  gatherElements: [
    ['indices of another rank', ['f32[2,3]', 'i32[2]'], { axis: 0 }],
    ['indices beyond another axis', ['f32[2,3]', 'i32[2,4]'], { axis: 0 }],
    ['an axis of nothing', ['f32[2,0]', 'i32[2,1]'], { axis: 1 }],
    ['float indices', ['f32[2]', 'f32[2]'], { axis: 0 }, 'BAD_DTYPE'],
  ],
  gatherNd: [
    ['indices of too many axes', ['f32[2,3]', 'i32[5,3]'], { batchDims: 0 }],
    ['batches that differ', ['f32[2,3]', 'i32[3,1]'], { batchDims: 1 }],
    ['axes of nothing', ['f32[0,3]', 'i32[5,1]'], { batchDims: 0 }],
    ['float indices', ['f32[2]', 'f32[2,1]'], { batchDims: 0 }, 'BAD_DTYPE'],
  ],
  suppress: [
    ['boxes of three numbers', ['f32[2,5,3]', 'bool[2,5]'], { iouThreshold: 0.5, most: 1 }],
    ['half a box', ['f32[2,5,4]', 'bool[2,5]'], { iouThreshold: 0.5, most: 0.5 }],
    ['scores', ['f32[2,5,4]', 'f32[2,5]'], { iouThreshold: 0.5, most: 1 }, 'BAD_DTYPE'],
  ],
  nonMaxSuppression: [
    ['scores of other boxes', ['f32[1,5,4]', 'f32[1,2,6]'], boxes],
    ['fewer than no boxes', ['f32[1,5,4]', 'f32[1,2,5]'], { ...boxes, most: -1 }],
    ['scores of rank 2', ['f32[1,5,4]', 'f32[1,5]'], boxes],
  ],
  oneHot: [
    ['a depth below 0', ['i32[3]'], { depth: -1, axis: 0 }],
    ['an axis beyond the result', ['i32[3]'], { depth: 2, axis: 2 }],
    ['float indices', ['f32[3]'], { depth: 2, axis: 0 }, 'BAD_DTYPE'],
  ],
  depthToSpace: [
    ['channels that do not fill a block', ['f32[1,6,2,2]'], { block: 2, mode: 'DCR' }],
    ['a block of 0', ['f32[1,4,2,2]'], { block: 0, mode: 'CRD' }],
    ['rank 3', ['f32[4,2,2]'], { block: 2, mode: 'DCR' }],
  ],
  spaceToDepth: [
    ['rows that do not fill a block', ['f32[1,1,3,2]'], { block: 2 }],
    ['columns that do not fill a block', ['f32[1,1,2,3]'], { block: 2 }],
    ['half a block', ['f32[1,1,2,3]'], { block: 0.5 }],
  ],
};

for (const [name, cases] of Object.entries(refusals))
  t.test(`${name} refuses ${cases.map(([why]) => why).join(', ')}`, async (t) => {
    const op = ops[name as OpName]; // a key of the table
    for (const [why, inputs, attrs, code = 'BAD_SHAPE'] of cases)
      t.throws(() => infer(op, inputs, attrs), { code }, why);
  });

t.test('a refusal names the op and the operands', async (t) => {
  t.throws(
    () => infer(ops.matmul, ['f32[2,3]', 'f32[4,5]']),
    { message: 'matmul: f32[2,3] times f32[4,5]' },
    'both types',
  );
  t.throws(
    () => infer(ops.conv, [image, 'f32[6,4,6,3]', 'f32[6]'], conv),
    { message: 'conv: a 6×3 window does not fit into 5×5' },
    'window and input',
  );
});
