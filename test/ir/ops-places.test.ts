// Ops over places: extremes and their order, elements picked and written by index, boxes suppressed.

import t from 'tap';
import { compute, computes, upTo } from '../support/by-index.ts';
import { tensor } from '../support/tensors.ts';

const { NaN: nan } = Number;

t.test('argReduce names the first or the last extreme', async (t) => {
  const x = tensor('f32[2,4]', [3, 7, 7, 1, -2, -2, -2, -2]);
  const of = (kind: string, pick: string) => [
    ...compute('argReduce', [x], { kind, pick, axis: 1, keepDims: false }).data,
  ];
  t.same(of('max', 'first'), [1, 0], 'the first of the greatest');
  t.same(of('max', 'last'), [2, 3], 'the last of the greatest');
  t.same(of('min', 'first'), [3, 0], 'the first of the least');
  t.same(of('min', 'last'), [3, 3], 'the last of the least');
  const along = compute('argReduce', [x], { kind: 'max', pick: 'first', axis: 0, keepDims: true });
  t.same(along.type.shape, [1, 4], 'the axis stays');
  t.same([...along.data], [0, 0, 0, 0], 'down the columns');
});

t.test('topK orders indices, the lower first among equals', async (t) => {
  const x = tensor('f32[6]', [2, nan, -1, 2, -0, 0]);
  const of = (k: number, largest: boolean) => [
    ...compute('topK', [x], { axis: 0, k, largest }).data,
  ];
  t.same(of(6, true), [1, 0, 3, 4, 5, 2], 'falling, NaN first');
  t.same(of(6, false), [2, 4, 5, 0, 3, 1], 'rising, NaN last');
  t.same(of(2, false), [2, 4], 'the least two');
  const rows = compute('topK', [tensor('i32[3,2]', [1, 6, 3, 5, 2, 4])], {
    axis: 0,
    k: 2,
    largest: true,
  });
  t.same([...rows.data], [1, 0, 2, 1], 'down the columns');
});

t.test(
  'cumSum adds up along an axis',
  computes('cumSum', [
    {
      inputs: ['f32[2,5,3]'],
      attrs: { axis: 1, exclusive: false, reverse: false },
      output: 'f32[2,5,3]',
      formula: ([a, b, c], x) => upTo(b! + 1).reduce((sum, i) => sum + x!(a!, i, c!), 0),
    },
    {
      inputs: ['i32[2,5]'],
      attrs: { axis: 1, exclusive: true, reverse: true },
      output: 'i32[2,5]',
      formula: ([a, b], x) => upTo(5).reduce((sum, i) => sum + (i > b! ? x!(a!, i) : 0), 0),
    },
  ]),
);

t.test('scatter combines slices with updates, one after the other', async (t) => {
  const x = tensor('f32[3,2]', [1, 2, 3, 4, 5, 6]);
  const indices = tensor('i32[4]', [2, 0, 2, 9]);
  const updates = tensor('f32[4,2]', [10, 20, 0, 1, 7, 30, 99, 99]);
  const of = (kind: string) => [...compute('scatter', [x, indices, updates], { kind }).data];
  t.same(of('set'), [0, 1, 3, 4, 7, 30], 'the last stays');
  t.same(of('add'), [1, 3, 3, 4, 22, 56], 'sums');
  t.same(of('mul'), [0, 2, 3, 4, 350, 3600], 'products');
  t.same(of('max'), [1, 2, 3, 4, 10, 30], 'greatest');
  t.same(of('min'), [0, 1, 3, 4, 5, 6], 'least');
});

t.test(
  'gatherElements picks along one axis',
  computes('gatherElements', [
    {
      inputs: ['f32[3,4,2]', 'i32[2,5,2]'],
      attrs: { axis: 1 },
      fixed: {
        1: tensor(
          'i32[2,5,2]',
          upTo(20).map((i) => (i * 7) % 4),
        ),
      },
      output: 'f32[2,5,2]',
      formula: ([a, b, c], x, i) => x!(a!, i!(a!, b!, c!), c!),
    },
    {
      inputs: ['bool[3]', 'i32[4]'],
      attrs: { axis: 0 },
      fixed: { 1: tensor('i32[4]', [-5, 2, 7, 1]) },
      output: 'bool[4]',
      formula: ([a], x) => x!([0, 2, 2, 1][a!]!),
    },
  ]),
);

t.test(
  'gatherNd picks slices by several indices',
  computes('gatherNd', [
    {
      inputs: ['f32[3,4,5]', 'i32[2,2]'],
      attrs: { batchDims: 0 },
      fixed: { 1: tensor('i32[2,2]', [2, 3, 0, 9]) },
      output: 'f32[2,5]',
      formula: ([a, b], x) => (a === 0 ? x!(2, 3, b!) : x!(0, 3, b!)),
    },
    {
      inputs: ['i32[2,3,4]', 'i32[2,2,1]'],
      attrs: { batchDims: 1 },
      fixed: { 1: tensor('i32[2,2,1]', [2, 0, 1, 1]) },
      output: 'i32[2,2,4]',
      formula: ([a, b, c], x, i) => x!(a!, i!(a!, b!, 0), c!),
    },
    {
      inputs: ['f32[2,3]', 'i32[4,0]'],
      attrs: { batchDims: 0 },
      output: 'f32[4,2,3]',
      formula: ([, b, c], x) => x!(b!, c!),
    },
  ]),
);

t.test('scatterNd passes over indices outside of any axis', async (t) => {
  const x = tensor('i32[2,3]', upTo(6));
  const indices = tensor('i32[4,2]', [0, 1, 1, 2, 0, 3, -1, 0]);
  const y = compute('scatterNd', [x, indices, tensor('i32[4]', [10, 20, 30, 40])], { kind: 'set' });
  t.same([...y.data], [0, 10, 2, 3, 4, 20], 'two of four are written');
});

t.test(
  'oneHot is true at its index',
  computes('oneHot', [
    {
      inputs: ['i32[2,3]'],
      attrs: { depth: 4, axis: 1 },
      fixed: { 0: tensor('i32[2,3]', [0, 3, 1, 4, -1, 2]) },
      output: 'bool[2,4,3]',
      formula: ([a, b, c], x) => Number(x!(a!, c!) === b),
    },
  ]),
);

t.test('suppress keeps the earlier of boxes that overlap', async (t) => {
  const boxes = tensor('f32[1,5,4]', [
    ...[0, 0, 10, 10],
    ...[0, 1, 10, 11], // 90 of 110 shared with the first
    ...[20, 20, 30, 30],
    ...[0, 5, 10, 15], // 50 of 150 shared with the first, 60 of 140 with the second
    ...[5, 5, 5, 9], // no area
  ]);
  const of = (candidates: readonly number[], iouThreshold: number, most = 5) => [
    ...compute('suppress', [boxes, tensor('bool[1,5]', candidates)], { iouThreshold, most }).data,
  ];
  t.same(of([1, 1, 1, 1, 1], 0.5), [1, 0, 1, 1, 1], 'the second goes');
  t.same(of([1, 1, 1, 1, 1], 0.3), [1, 0, 1, 0, 1], 'and the fourth, at a lower threshold');
  t.same(of([0, 1, 1, 1, 1], 0.4), [0, 1, 1, 0, 1], 'what is no candidate suppresses nothing');
  t.same(of([1, 1, 1, 1, 1], 0.5, 2), [1, 0, 1, 0, 0], 'no more than wanted');
});

t.test('nonMaxSuppression lists image, class and box, then rows of −1', async (t) => {
  const boxes = tensor('f32[1,3,4]', [10, 10, 0, 0, 0, 1, 10, 11, 20, 20, 30, 30]);
  const scores = tensor('f32[1,2,3]', [0.5, 0.9, 0.4, 0.1, 0, 0.8]);
  const attrs = { most: 2, iouThreshold: 0.5, scoreThreshold: 0.05 };
  const y = compute('nonMaxSuppression', [boxes, scores], { ...attrs, boxes: 'corners' });
  t.same(y.type.shape, [4, 3], 'two boxes of each class');
  const rows = [
    [0, 0, 1],
    [0, 0, 2],
    [0, 1, 2],
    [0, 1, 0],
  ];
  t.same([...y.data], rows.flat(), 'by falling score, corners in any order');
  const few = compute('nonMaxSuppression', [boxes, scores], {
    ...attrs,
    scoreThreshold: 0.5,
    boxes: 'corners',
  });
  t.same([...few.data], [0, 0, 1, 0, 1, 2, ...new Array<number>(6).fill(-1)], 'padded behind all');
});
