// Ops that move elements, against the index that each result comes from.

import t from 'tap';
import { compute, computes, upTo } from '../support/by-index.ts';
import { tensor } from '../support/tensors.ts';

t.test(
  'transpose permutes axes of any type',
  computes('transpose', [
    {
      inputs: ['f32[2,3,5]'],
      attrs: { perm: [2, 0, 1] },
      output: 'f32[5,2,3]',
      formula: ([a, b, c], x) => x!(b!, c!, a!),
    },
    {
      inputs: ['bool[1,7,2,3]'],
      attrs: { perm: [3, 1, 0, 2] },
      output: 'bool[3,7,1,2]',
      formula: ([a, b, c, d], x) => x!(c!, b!, d!, a!),
    },
    { inputs: ['i32[]'], attrs: { perm: [] }, output: 'i32[]', formula: (_, x) => x!() },
  ]),
);

t.test(
  'reshape keeps row-major order',
  computes('reshape', [
    {
      inputs: ['i32[3,4]'],
      attrs: { shape: [2, 1, 6] },
      output: 'i32[2,1,6]',
      formula: ([a, , c], x) => {
        const flat = a! * 6 + c!;
        return x!(Math.floor(flat / 4), flat % 4);
      },
    },
    { inputs: ['f32[1,1]'], attrs: { shape: [] }, output: 'f32[]', formula: (_, x) => x!(0, 0) },
  ]),
);

t.test(
  'slice walks forwards and backwards',
  computes('slice', [
    {
      inputs: ['f32[7,13]'],
      attrs: { starts: [1, 12], sizes: [3, 5], steps: [2, -3] },
      output: 'f32[3,5]',
      formula: ([a, b], x) => x!(1 + 2 * a!, 12 - 3 * b!),
    },
    {
      inputs: ['i32[3,2]'],
      attrs: { starts: [2, 1], sizes: [3, 1], steps: [-1, 4] },
      output: 'i32[3,1]',
      formula: ([a], x) => x!(2 - a!, 1),
    },
  ]),
);

t.test(
  'concat lays operands one after the other',
  computes('concat', [
    {
      inputs: ['f32[2,1,3]', 'f32[2,4,3]', 'f32[2,0,3]', 'f32[2,2,3]'],
      attrs: { axis: 1 },
      output: 'f32[2,7,3]',
      formula: ([a, b, c], x, y, _, z) =>
        b! < 1 ? x!(a!, b!, c!) : b! < 5 ? y!(a!, b! - 1, c!) : z!(a!, b! - 5, c!),
    },
    {
      inputs: ['bool[3]', 'bool[1]'],
      attrs: { axis: 0 },
      output: 'bool[4]',
      formula: ([a], x, y) => (a! < 3 ? x!(a!) : y!(0)),
    },
  ]),
);

t.test(
  'pad surrounds with its value',
  computes('pad', [
    {
      inputs: ['f32[2,3]'],
      attrs: { before: [1, 0], after: [0, 4], value: -0.5 },
      output: 'f32[3,7]',
      formula: ([a, b], x) => (a! >= 1 && b! < 3 ? x!(a! - 1, b!) : -0.5),
    },
    {
      inputs: ['i32[0,2]'],
      attrs: { before: [1, 1], after: [1, 0], value: 7 },
      output: 'i32[2,3]',
      formula: () => 7,
    },
  ]),
);

t.test(
  'expand repeats as numpy does',
  computes('expand', [
    {
      inputs: ['f32[3,1]'],
      attrs: { shape: [2, 3, 5] },
      output: 'f32[2,3,5]',
      formula: ([, b], x) => x!(b!, 0),
    },
    {
      inputs: ['i32[1,3]'],
      attrs: { shape: [0, 3] },
      output: 'i32[0,3]',
      formula: () => 0,
    },
    { inputs: ['bool[]'], attrs: { shape: [3] }, output: 'bool[3]', formula: (_, x) => x!() },
  ]),
);

t.test(
  'gather picks slices by indices of any rank',
  computes('gather', [
    {
      inputs: ['f32[2,5,3]', 'i32[2,2]'],
      attrs: { axis: 1 },
      fixed: { 1: tensor('i32[2,2]', [4, 0, 1, 1]) },
      output: 'f32[2,2,2,3]',
      formula: ([a, b, c, d], x, i) => x!(a!, i!(b!, c!), d!),
    },
    {
      inputs: ['i32[5]', 'i32[]'],
      attrs: { axis: 0 },
      fixed: { 1: tensor('i32[]', [3]) },
      output: 'i32[]',
      formula: (_, x) => x!(3),
    },
    {
      inputs: ['bool[2,5]', 'i32[0]'],
      attrs: { axis: 1 },
      output: 'bool[2,0]',
      formula: () => 0,
    },
  ]),
);

t.test('gather never reads beyond its axis', async (t) => {
  const x = tensor('f32[3]', [10, 20, 30]);
  const y = compute('gather', [x, tensor('i32[4]', [-1, 3, 2 ** 31 - 1, -(2 ** 31)])], { axis: 0 });
  t.same([...y.data], [10, 30, 30, 10], 'the nearest element stands in');
});

t.test(
  'depthToSpace has the block position outermost (DCR) or innermost (CRD)',
  computes('depthToSpace', [
    ...[1, 2, 3].flatMap((block) => [
      {
        inputs: [`f32[2,${5 * block * block},3,2]`],
        attrs: { block, mode: 'DCR' },
        output: `f32[2,5,${3 * block},${2 * block}]`,
        formula: ([n, c, h, w]: readonly number[], x?: (...at: readonly number[]) => number) =>
          x!(
            n!,
            ((h! % block) * block + (w! % block)) * 5 + c!,
            Math.floor(h! / block),
            Math.floor(w! / block),
          ),
      },
      {
        inputs: [`i32[2,${5 * block * block},3,2]`],
        attrs: { block, mode: 'CRD' },
        output: `i32[2,5,${3 * block},${2 * block}]`,
        formula: ([n, c, h, w]: readonly number[], x?: (...at: readonly number[]) => number) =>
          x!(
            n!,
            c! * block * block + (h! % block) * block + (w! % block),
            Math.floor(h! / block),
            Math.floor(w! / block),
          ),
      },
    ]),
  ]),
);

t.test('spaceToDepth undoes depthToSpace', async (t) => {
  for (const block of [1, 2, 3]) {
    const count = 2 * 3 * block ** 2 * 5;
    const x = tensor(`i32[1,${3 * block ** 2},2,5]`, upTo(count));
    const there = compute('depthToSpace', [x], { block, mode: 'DCR' });
    t.same(compute('spaceToDepth', [there], { block }), x, `in blocks of ${block}`);
  }
});
