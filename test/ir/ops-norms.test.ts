// Ops that fold or normalise axes, and maps, against their formulas.

import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { compute, computes, sumOver, upTo } from '../support/by-index.ts';
import { closeTo, tensor } from '../support/tensors.ts';

t.test(
  'map broadcasts its operands to each other',
  computes('map', [
    {
      inputs: ['f32[2,1,3]', 'f32[5,1]', 'f32[]'],
      attrs: { expr: parseScalar('a0 * a1 + a2') },
      output: 'f32[2,5,3]',
      formula: ([a, b, c], x, y, z) => Math.fround(x!(a!, 0, c!) * y!(b!, 0)) + z!(),
    },
    {
      inputs: ['bool[3]', 'i32[2,3]', 'i32[1,1]'],
      attrs: { expr: parseScalar('select(a0, a1, a2)') },
      output: 'i32[2,3]',
      formula: ([a, b], x, y, z) => (x!(b!) ? y!(a!, b!) : z!(0, 0)),
    },
    {
      inputs: ['i32[4]', 'i32[4]'],
      attrs: { expr: parseScalar('lt(a0, a1)') },
      output: 'bool[4]',
      formula: ([a], x, y) => Number(x!(a!) < y!(a!)),
    },
  ]),
);

t.test(
  'reduce folds one axis or several, kept or not',
  computes('reduce', [
    {
      inputs: ['f32[2,3,7]'],
      attrs: { kind: 'sum', axes: [0, 2], keepDims: false },
      output: 'f32[3]',
      formula: ([b], x) => sumOver([2, 7], (a, c) => x!(a!, b!, c!)),
    },
    {
      inputs: ['i32[2,3,7]'],
      attrs: { kind: 'sum', axes: [1], keepDims: true },
      output: 'i32[2,1,7]',
      formula: ([a, , c], x) => sumOver([3], (b) => x!(a!, b!, c!)),
    },
    {
      inputs: ['f32[2,13]'],
      attrs: { kind: 'max', axes: [1], keepDims: false },
      output: 'f32[2]',
      formula: ([a], x) => Math.max(...upTo(13).map((b) => x!(a!, b))),
    },
    {
      inputs: ['i32[5,3]'],
      attrs: { kind: 'min', axes: [0], keepDims: false },
      output: 'i32[3]',
      formula: ([b], x) => Math.min(...upTo(5).map((a) => x!(a, b!))),
    },
    {
      inputs: ['f32[3,5]'],
      attrs: { kind: 'prod', axes: [1], keepDims: false },
      output: 'f32[3]',
      formula: ([a], x) => upTo(5).reduce((product, b) => product * x!(a!, b), 1),
    },
    {
      inputs: ['bool[3,4]'],
      attrs: { kind: 'max', axes: [1], keepDims: false },
      output: 'bool[3]',
      formula: ([a], x) => Number(upTo(4).some((b) => x!(a!, b) === 1)),
    },
    {
      inputs: ['f32[2,3]'],
      attrs: { kind: 'sum', axes: [], keepDims: false },
      output: 'f32[2,3]',
      formula: ([a, b], x) => x!(a!, b!),
    },
  ]),
);

t.test('reduce answers for no elements', async (t) => {
  const of = (type: string, kind: string) =>
    compute('reduce', [tensor(type, [])], { kind, axes: [1], keepDims: false }).data[0];
  t.equal(of('f32[1,0]', 'sum'), 0, 'the sum is 0');
  t.equal(of('f32[1,0]', 'prod'), 1, 'the product is 1');
  t.equal(of('f32[1,0]', 'max'), -Infinity, 'the greatest is below all');
  t.equal(of('i32[1,0]', 'max'), -(2 ** 31), 'the greatest i32 is the least there is');
  t.equal(of('i32[1,0]', 'min'), 2 ** 31 - 1, 'the least i32 is the greatest there is');
  t.equal(of('bool[1,0]', 'max'), 0, 'not any');
  t.equal(of('bool[1,0]', 'min'), 1, 'all');
});

t.test('reduce wraps integers', async (t) => {
  const x = tensor('i32[2]', [2 ** 31 - 1, 3]);
  const fold = (kind: string) =>
    compute('reduce', [x], { kind, axes: [0], keepDims: false }).data[0];
  t.equal(fold('sum'), -(2 ** 31) + 2, 'sums');
  t.equal(fold('prod'), Math.imul(2 ** 31 - 1, 3), 'products');
});

t.test(
  'mean divides by how many',
  computes('mean', [
    {
      inputs: ['f32[2,3,5]'],
      attrs: { axes: [1, 2], keepDims: false },
      output: 'f32[2]',
      formula: ([a], x) => sumOver([3, 5], (b, c) => x!(a!, b!, c!)) / 15,
    },
    {
      inputs: ['i32[2,3]'],
      attrs: { axes: [1], keepDims: true },
      output: 'i32[2,1]',
      formula: ([a], x) => Math.trunc(sumOver([3], (b) => x!(a!, b!)) / 3),
    },
  ]),
);

for (const range of [
  [-1, 1],
  [-300, 300],
] as const)
  t.test(`softmax sums to 1 along its axis, for values in [${range}]`, async (t) => {
    // Relative to the sum only the differences to the greatest matter, and these are exact.
    await computes('softmax', [
      {
        inputs: ['f32[2,7,3]'],
        attrs: { axis: 1 },
        range,
        output: 'f32[2,7,3]',
        formula: ([a, b, c], x) =>
          1 / sumOver([7], (other) => Math.exp(x!(a!, other!, c!) - x!(a!, b!, c!))),
      },
      {
        inputs: ['f32[3,1]'],
        attrs: { axis: 1 },
        range,
        output: 'f32[3,1]',
        formula: () => 1,
      },
    ])(t);
    await computes('logSoftmax', [
      {
        inputs: ['f32[2,7,3]'],
        attrs: { axis: 1 },
        range,
        output: 'f32[2,7,3]',
        formula: ([a, b, c], x) =>
          -Math.log(sumOver([7], (other) => Math.exp(x!(a!, other!, c!) - x!(a!, b!, c!)))),
      },
    ])(t);
  });

const moments = (count: number, value: (i: number) => number) => {
  const mean = sumOver([count], (i) => value(i!)) / count;
  return { mean, variance: sumOver([count], (i) => (value(i!) - mean) ** 2) / count };
};

t.test(
  'layerNorm normalises the trailing axes together',
  computes('layerNorm', [
    {
      inputs: ['f32[2,3,5]', 'f32[3,5]', 'f32[3,5]'],
      attrs: { axis: 1, epsilon: 1e-5 },
      output: 'f32[2,3,5]',
      formula: ([a, b, c], x, scale, bias) => {
        const { mean, variance } = moments(15, (i) => x!(a!, Math.floor(i / 5), i % 5));
        const normal = (x!(a!, b!, c!) - mean) / Math.sqrt(variance + 1e-5);
        return normal * scale!(b!, c!) + bias!(b!, c!);
      },
    },
  ]),
);

t.test('layerNorm survives a mean far from zero', async (t) => {
  // A sum of squares less a squared mean would leave nothing of this variance.
  const x = tensor('f32[1,4]', [10000, 10001, 10002, 10003]);
  const [ones, zeros] = [tensor('f32[4]', [1, 1, 1, 1]), tensor('f32[4]', [0, 0, 0, 0])];
  const y = compute('layerNorm', [x, ones, zeros], { axis: 1, epsilon: 0 });
  const unit = Math.sqrt(1.25);
  const expected = tensor('f32[1,4]', [-1.5 / unit, -0.5 / unit, 0.5 / unit, 1.5 / unit]);
  closeTo(t, y, expected, 1e-6, 'it centres before it squares');
});

t.test(
  'instanceNorm normalises each channel of each image',
  computes('instanceNorm', [
    {
      inputs: ['f32[2,3,5,7]', 'f32[3]', 'f32[3]'],
      attrs: { epsilon: 1e-5 },
      output: 'f32[2,3,5,7]',
      tolerance: 1e-5, // a composition rounds each of its steps
      formula: ([n, c, h, w], x, scale, bias) => {
        const { mean, variance } = moments(35, (i) => x!(n!, c!, Math.floor(i / 7), i % 7));
        return ((x!(n!, c!, h!, w!) - mean) / Math.sqrt(variance + 1e-5)) * scale!(c!) + bias!(c!);
      },
    },
  ]),
);

t.test(
  'batchNorm is affine in each channel, for any rank',
  computes(
    'batchNorm',
    [
      ['f32[3,5]', 'f32[3,5]'],
      ['f32[2,5,3]', 'f32[2,5,3]'],
    ].map(([x, output]) => ({
      inputs: [x!, 'f32[5]', 'f32[5]', 'f32[5]', 'f32[5]'],
      attrs: { epsilon: 1e-3 },
      range: [0.5, 2] as const, // variances are positive
      tolerance: 1e-5, // a composition rounds each of its steps
      output: output!,
      formula: (index, value, scale, bias, mean, variance) => {
        const c = index[1]!;
        const normal = (value!(...index) - mean!(c)) / Math.sqrt(variance!(c) + 1e-3);
        return normal * scale!(c) + bias!(c);
      },
    })),
  ),
);

t.test('gelu gives its published values', async (t) => {
  const x = tensor('f32[5]', [-3, -1, 0, 1, 3]);
  // x · Φ(x), with Φ from tables of the normal distribution.
  const exact = [-0.00404969409, -0.158655254, 0, 0.841344746, 2.99595031];
  closeTo(
    t,
    compute('gelu', [x], { approximate: 'none' }),
    tensor('f32[5]', exact),
    1e-6,
    'x · Φ(x)',
  );
  const tanh = compute('gelu', [x], { approximate: 'tanh' });
  closeTo(t, tanh, tensor('f32[5]', exact), 5e-4, 'by tanh, as near as that comes');
  t.not(tanh.data[1], compute('gelu', [x], { approximate: 'none' }).data[1], 'which is another');
});
