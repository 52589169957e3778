// Kernels over places: extremes, orders, running sums, writes by index, suppressed boxes.

import { randomTensor, type Tensor } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';
import { tensor, typeOf } from '../support/tensors.ts';

const shapes = ['13', '3,7', '1,1', '2,3,5', '1,6,8,8', '3,13,7,5', '1,4,200,3', '3,0,2'];

const dims = (shape: string) => shape.split(',').map(Number);

/** Few different values, so that many are equal. */
function coarse(type: string, seed: number): Tensor {
  const { type: own, data } = randomTensor(typeOf(type), seed, [-3, 3]);
  return { type: own, data: data.map((value) => Math.round(value)) };
}

t.test('argReduce finds the extreme of every row', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      shapes.slice(0, -1).flatMap((shape) =>
        dims(shape).flatMap((_, axis) =>
          (['first', 'last'] as const).flatMap((pick) => [
            b.argReduce(input(`f32[${shape}]`, layout), {
              kind: 'max',
              axis,
              keepDims: true,
              pick,
            }),
            b.argReduce(input(`i32[${shape}]`, layout), {
              kind: 'min',
              axis,
              keepDims: false,
              pick,
            }),
          ]),
        ),
      ),
    );
});

t.test('topK sorts rows of any length, equals in order', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      shapes
        .slice(0, -1)
        .flatMap((shape) =>
          dims(shape).flatMap((extent, axis) => [
            b.topK(input(`f32[${shape}]`, layout), { axis, k: extent, largest: true }),
            b.topK(input(`i32[${shape}]`, layout), { axis, k: (extent + 1) >> 1, largest: false }),
          ]),
        ),
    );
  matches(t, 'many equals', ({ b, input }) =>
    [1, 2, 3, 4, 5, 31, 32, 33, 1000].flatMap((n) =>
      [true, false].map((largest) =>
        b.topK(input('', 'rowMajor', coarse(`f32[${n}]`, n)), { axis: 0, k: n, largest }),
      ),
    ),
  );
  const odd = tensor('f32[9]', [NaN, 1, -0, Infinity, 0, -Infinity, -1, NaN, 1e-40]);
  matches(t, 'NaN, infinities and zeros', ({ b, input }) =>
    [true, false].map((largest) => b.topK(input('', 'rowMajor', odd), { axis: 0, k: 9, largest })),
  );
});

t.test('cumSum runs along every axis, either way', async (t) => {
  for (const layout of layouts)
    matches(
      t,
      layout,
      ({ b, input }) =>
        shapes.flatMap((shape) =>
          dims(shape).flatMap((_, axis) => [
            b.cumSum(input(`f32[${shape}]`, layout), { axis, exclusive: false, reverse: false }),
            b.cumSum(input(`f32[${shape}]`, layout), { axis, exclusive: true, reverse: true }),
            b.cumSum(input(`i32[${shape}]`, layout), { axis, exclusive: true, reverse: false }),
          ]),
        ),
      // The reference sums in double precision.
      { relative: 1e-5, absolute: 1e-5 },
    );
});

t.test('scatter combines slices in order', async (t) => {
  const indices = tensor('i32[9]', [2, 0, 2, 9, -1, 1, 1, 0, 2]);
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      (['set', 'add', 'mul', 'max', 'min'] as const).flatMap((kind) =>
        ['', ',1', ',4', ',2,5', ',3,2,4'].flatMap((rest) =>
          ['f32', 'i32'].map((dtype) =>
            b.scatter(
              input(`${dtype}[3${rest}]`, layout),
              input('', 'rowMajor', indices),
              input(`${dtype}[9${rest}]`, layout),
              { kind },
            ),
          ),
        ),
      ),
    );
  matches(t, 'decisions', ({ b, input }) => [
    b.scatter(input('bool[3,5]'), input('', 'rowMajor', indices), input('bool[9,5]'), {
      kind: 'set',
    }),
  ]);
});

t.test('suppress keeps what the reference keeps', async (t) => {
  const corners = (groups: number, count: number, seed: number): Tensor => {
    const { type, data } = randomTensor(typeOf(`f32[${groups},${count},4]`), seed, [0, 10]);
    for (let i = 0; i < data.length; i += 4)
      for (const axis of [0, 1]) data[i + 2 + axis] = data[i + axis]! + 0.3 * data[i + 2 + axis]!;
    return { type, data };
  };
  for (const [groups, count] of [
    [1, 1],
    [2, 7],
    [3, 60],
    [1, 300],
  ] as const)
    matches(t, `${groups} groups of ${count}`, ({ b, input }) =>
      [0, 0.1, 0.5].flatMap((iouThreshold) =>
        [0, 1, 5, 1000].map((most) =>
          b.suppress(
            input('', 'rowMajor', corners(groups, count, count)),
            input(`bool[${groups},${count}]`),
            { iouThreshold, most },
          ),
        ),
      ),
    );
});

t.test('compositions over places give what the reference gives', async (t) => {
  matches(t, 'all of them', ({ b, input }) => [
    b.gatherElements(input('f32[3,4,5]'), input('i32[2,7,5]'), { axis: 1 }),
    b.gatherNd(input('f32[10,10,3]'), input('i32[4,2]'), { batchDims: 0 }),
    b.gatherNd(input('f32[4,10,3]'), input('i32[4,2,1]'), { batchDims: 1 }),
    b.scatterNd(input('f32[10,6,2]'), input('i32[5,2]'), input('f32[5,2]'), { kind: 'add' }),
    b.oneHot(input('i32[3,4]'), { depth: 6, axis: 1 }),
    b.nonMaxSuppression(input('f32[2,40,4]'), input('f32[2,3,40]'), {
      most: 10,
      iouThreshold: 0.3,
      scoreThreshold: 0.1,
      boxes: 'corners',
    }),
  ]);
});
