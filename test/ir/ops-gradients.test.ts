// Every gradient rule of the table, against central differences.

import {
  createBuilder,
  elementCount,
  evaluateConstant,
  type OpName,
  opOf,
  ops,
  parseScalar,
  randomTensor,
  type Tensor,
} from '@espalier/ir';
import t from 'tap';
import { differentiates, type GradientCase } from '../support/differentiates.ts';
import { tensor, typeOf } from '../support/tensors.ts';

const square = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 };
const awkward = { stride: [2, 1], dilation: [1, 2], pads: [1, 2, 0, 1], groups: 2 };
const window = { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pads: [1, 0, 0, 1] };
const table = {
  1: tensor('i32[3,2]', [0, 1, 2, 2, 1, 3]),
  2: tensor('f32[3,2]', [0.5, 0.5, 1, 0, 0.25, 0.75]),
};

const cases: Partial<Record<OpName, readonly GradientCase[]>> = {
  map: [
    { inputs: ['f32[2,3]', 'f32[3]'], attrs: { expr: parseScalar('a0 * a1 + sigmoid(a0)') } },
    { inputs: ['f32[2,1]', 'f32[]'], attrs: { expr: parseScalar('exp(a0) / a1') }, range: [1, 2] },
  ],
  conv: [
    { inputs: ['f32[2,3,5,4]', 'f32[4,3,3,2]', 'f32[4]'], attrs: square },
    { inputs: ['f32[1,4,7,6]', 'f32[6,2,3,2]', 'f32[6]'], attrs: awkward },
    { inputs: ['f32[1,4,8,6]', 'f32[6,2,3,2]', 'f32[6]'], attrs: awkward },
    { inputs: ['f32[1,4,7,6]', 'f32[6,4,3,2]', 'f32[6]'], attrs: { ...awkward, groups: 1 } },
    // Depthwise: padding narrower than the window, and wider.
    { inputs: ['f32[2,4,7,6]', 'f32[4,1,3,3]', 'f32[4]'], attrs: { ...awkward, groups: 4 } },
    { inputs: ['f32[1,3,6,5]', 'f32[3,1,2,1]', 'f32[3]'], attrs: { ...awkward, groups: 3 } },
  ],
  convTranspose: [
    {
      inputs: ['f32[2,3,3,2]', 'f32[3,4,3,2]', 'f32[4]'],
      attrs: { ...square, outputPadding: [0, 0] },
    },
    {
      inputs: ['f32[1,4,3,3]', 'f32[4,3,3,2]', 'f32[6]'],
      attrs: { ...awkward, outputPadding: [1, 0] },
    },
  ],
  matmul: [{ inputs: ['f32[2,3]', 'f32[3,4]'] }, { inputs: ['f32[2,1,2,3]', 'f32[4,3,2]'] }],
  linear: [
    { inputs: ['f32[2,3,4]', 'f32[5,4]', 'f32[5]'] },
    { inputs: ['f32[3]', 'f32[2,3]', 'f32[2]'] },
  ],
  maxPool: [{ inputs: ['f32[1,2,5,5]'], attrs: window, range: [-40, 40] }],
  sumPool: [{ inputs: ['f32[1,2,5,5]'], attrs: window }],
  reduce: [
    { inputs: ['f32[2,3,4]'], attrs: { kind: 'sum', axes: [0, 2], keepDims: false } },
    { inputs: ['f32[2,3,4]'], attrs: { kind: 'max', axes: [1], keepDims: true }, range: [-9, 9] },
    { inputs: ['f32[2,3]'], attrs: { kind: 'min', axes: [1], keepDims: false }, range: [-9, 9] },
    { inputs: ['f32[2,3]'], attrs: { kind: 'prod', axes: [1], keepDims: false }, range: [1, 2] },
    { inputs: ['f32[2,3]'], attrs: { kind: 'sum', axes: [], keepDims: false } },
  ],
  softmax: [{ inputs: ['f32[2,3,2]'], attrs: { axis: 1 } }],
  layerNorm: [
    { inputs: ['f32[2,3,4]', 'f32[3,4]', 'f32[3,4]'], attrs: { axis: 1, epsilon: 1e-3 } },
  ],
  resample: [{ inputs: ['f32[2,4,3]', 'i32[3,2]', 'f32[3,2]'], attrs: { axis: 1 }, fixed: table }],
  gather: [
    {
      inputs: ['f32[2,4,3]', 'i32[3,2]'],
      attrs: { axis: 1 },
      fixed: { 1: tensor('i32[3,2]', [0, 3, 3, 1, 0, 0]) },
    },
  ],
  scatter: (['set', 'add', 'mul', 'max', 'min'] as const).map((kind) => ({
    inputs: ['f32[5,3]', 'i32[4]', 'f32[4,3]'],
    attrs: { kind },
    fixed: { 1: tensor('i32[4]', [3, 0, 7, 4]) },
    range: kind === 'max' || kind === 'min' ? [-40, 40] : [-1, 1],
  })),
  cumSum: [
    { inputs: ['f32[2,4,3]'], attrs: { axis: 1, exclusive: false, reverse: false } },
    { inputs: ['f32[2,4]'], attrs: { axis: 1, exclusive: true, reverse: true } },
  ],
  transpose: [{ inputs: ['f32[2,3,4]'], attrs: { perm: [2, 0, 1] } }],
  reshape: [{ inputs: ['f32[2,6]'], attrs: { shape: [3, 4] } }],
  slice: [
    { inputs: ['f32[4,7]'], attrs: { starts: [1, 0], sizes: [2, 3], steps: [1, 3] } },
    { inputs: ['f32[4,7]'], attrs: { starts: [3, 6], sizes: [2, 3], steps: [-2, -3] } },
  ],
  concat: [{ inputs: ['f32[2,3]', 'f32[2,1]'], attrs: { axis: 1 } }],
  pad: [{ inputs: ['f32[2,3]'], attrs: { before: [1, 0], after: [0, 2], value: 3 } }],
  expand: [{ inputs: ['f32[3,1]'], attrs: { shape: [2, 3, 4] } }],
};

for (const [name, op] of Object.entries(ops)) {
  if (op.gradient === 'none') continue;
  const own = cases[name as OpName];
  t.test(`${name} has the gradient that differences give`, async (t) => {
    if (!own) return t.fail(`${name} has no case here`);
    await differentiates(name as OpName, own)(t);
  });
}

/** The gradient of the sum of an op's results with respect to its first operand. */
function slopes(name: OpName, inputs: readonly Tensor[], attrs: object): readonly number[] {
  const b = createBuilder();
  const nodes = inputs.map((input) => b.constant(input));
  const output = b.apply(name, nodes, attrs);
  const rule = opOf(name).gradient;
  if (rule === 'none') throw new Error(`${name} has a gradient`);
  const ones = b.constant({
    type: output.type,
    data: new Float32Array(elementCount(output.type.shape)).fill(1),
  });
  const [first] = rule(b, ones, attrs, { inputs: nodes, output });
  return [...evaluateConstant(first!)!.data];
}

t.test('of equal elements of a window the first takes the gradient', async (t) => {
  const x = tensor('f32[1,1,2,3]', [5, 5, 1, 5, 0, 5]);
  const attrs = { kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] };
  t.same(slopes('maxPool', [x], attrs), [1, 1, 0, 0, 0, 0], 'each window gives all to one');
});

t.test('equal extremes of an axis share the gradient', async (t) => {
  const attrs = { kind: 'max', axes: [0], keepDims: false };
  t.same(slopes('reduce', [tensor('f32[4]', [3, 1, 3, 2])], attrs), [0.5, 0, 0.5, 0], 'by halves');
});

t.test('a product has a gradient at zeros too', async (t) => {
  const at = (values: readonly number[]) =>
    slopes('reduce', [tensor('f32[3]', values)], { kind: 'prod', axes: [0], keepDims: false });
  t.same(at([2, 3, 4]), [12, 8, 6], 'no zero: the others');
  t.same(at([2, 0, 4]), [0, 8, 0], 'one zero: only it has a slope');
  t.same(at([0, 3, 0]), [0, 0, 0], 'two zeros: none has');
});

t.test('gradients keep the types of operands with extents of zero', async (t) => {
  const of = (name: OpName, types: readonly string[], attrs: object = {}) =>
    slopes(
      name,
      types.map((text, i) => randomTensor(typeOf(text), i)),
      attrs,
    );
  t.same(of('conv', ['f32[0,2,4,4]', 'f32[3,2,3,3]', 'f32[3]'], square), [], 'no images');
  t.same(of('conv', ['f32[1,0,4,4]', 'f32[3,0,3,3]', 'f32[3]'], square), [], 'no channels');
  const pool = { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1] };
  t.same(of('maxPool', ['f32[1,0,3,3]'], pool), [], 'no planes');
  t.same(of('matmul', ['f32[2,0]', 'f32[0,3]']), [], 'no depth');
  t.same(of('linear', ['f32[0,4]', 'f32[3,4]', 'f32[3]']), [], 'no rows');
  const nothing = { starts: [0], sizes: [0], steps: [1] };
  t.same(of('slice', ['f32[3]'], nothing), [0, 0, 0], 'nothing taken');
});
