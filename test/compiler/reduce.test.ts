import { randomTensor, type Tensor } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

/** The reference adds in double precision; a hundred terms below 1 lose a few units of 2⁻²⁴. */
const sums = { relative: 1e-6, absolute: 2e-6 };

const kinds = ['sum', 'prod', 'max', 'min'] as const;
const axesOf4 = [[], [0], [1], [2], [3], [2, 3], [1, 2, 3], [0, 2], [0, 1, 2, 3]];

t.test('reductions agree along any axes of any layout', async (t) => {
  for (const layout of layouts)
    for (const kind of kinds)
      matches(
        t,
        `${kind}, ${layout}`,
        ({ b, input }) =>
          ['f32[2,3,5,7]', 'f32[1,13,4,4]', 'f32[3,1,7,1]', 'f32[2,8,3,13]'].flatMap((type) => {
            const x = input(type, layout);
            return axesOf4.map((axes, i) => b.reduce(x, { kind, axes, keepDims: i % 2 === 0 }));
          }),
        sums,
      );
});

t.test('long rows agree for any number of totals', async (t) => {
  for (const layout of layouts)
    for (const kind of kinds)
      matches(
        t,
        `${kind}, ${layout}`,
        ({ b, input }) =>
          [1, 4, 6, 13, 24, 31, 33, 70].flatMap((c) => {
            const x = input(`f32[2,${c},3,73]`, layout);
            return [[2, 3], [3]].map((axes) => b.reduce(x, { kind, axes, keepDims: true }));
          }),
        // Two hundred terms, whose partial sums are around 10: some units of 2⁻²¹.
        { relative: 1e-6, absolute: 1e-5 },
      );
});

t.test('integers and truths reduce exactly', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      [[0], [1], [2], [0, 1, 2]].flatMap((axes) => [
        ...kinds.map((kind) =>
          b.reduce(input('i32[2,13,7]', layout), { kind, axes, keepDims: true }),
        ),
        ...(['max', 'min'] as const).map((kind) =>
          b.reduce(input('bool[2,13,7]', layout), { kind, axes, keepDims: false }),
        ),
      ]),
    );
});

t.test('nothing reduces to what folding starts from', async (t) => {
  matches(t, 'axes of extent 0', ({ b, input }) => [
    ...kinds.map((kind) => b.reduce(input('f32[3,0,5]'), { kind, axes: [1], keepDims: false })),
    ...kinds.map((kind) => b.reduce(input('i32[3,5,0]'), { kind, axes: [2], keepDims: true })),
    b.reduce(input('bool[0]'), { kind: 'min', axes: [0], keepDims: false }),
    b.reduce(input('f32[0,5]'), { kind: 'sum', axes: [1], keepDims: false }),
    b.reduce(input('f32[5,0]'), { kind: 'sum', axes: [0], keepDims: false }),
  ]);
});

t.test('extremes pass NaN on', async (t) => {
  const values: Tensor = { type: { dtype: 'f32', shape: [3, 7] }, data: new Float32Array(21) };
  values.data.set([
    NaN,
    1,
    2,
    3,
    4,
    5,
    6,
    -Infinity,
    0,
    1,
    Infinity,
    2,
    3,
    4,
    1,
    2,
    3,
    4,
    5,
    6,
    NaN,
  ]);
  matches(t, 'NaN and infinities', ({ b, input }) =>
    kinds.flatMap((kind) =>
      [[0], [1]].map((axes) =>
        b.reduce(input('', 'rowMajor', values), { kind, axes, keepDims: false }),
      ),
    ),
  );
});

t.test('sums of long rows keep their digits, whatever divides their length', async (t) => {
  // All of one sign: a single running sum in single precision is off by several 1e-6.
  for (const length of [4096, 12_289, 50_000, 100_003]) {
    const { data } = randomTensor({ dtype: 'f32', shape: [3 * length] }, length, [1, 2]);
    matches(
      t,
      `${length}`,
      ({ b, input }) => {
        const x = input('', 'rowMajor', { type: { dtype: 'f32', shape: [length, 3] }, data });
        const rows = b.reshape(x, { shape: [3, length] });
        return [
          b.reduce(x, { kind: 'sum', axes: [0], keepDims: false }),
          b.reduce(rows, { kind: 'sum', axes: [1], keepDims: false }),
          b.reduce(x, { kind: 'sum', axes: [0, 1], keepDims: false }),
        ];
      },
      { relative: 1e-6, absolute: 0 },
    );
  }
});
