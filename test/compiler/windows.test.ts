import type { AttrsOf, Tensor } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

type Attrs = AttrsOf<'maxPool'>;

const window = (size: number, step: number, rest: Partial<Attrs> = {}): Attrs => ({
  kernel: [size, size],
  stride: [step, step],
  dilation: [1, 1],
  pads: [0, 0, 0, 0],
  ...rest,
});

const windows: readonly Attrs[] = [
  window(1, 1),
  window(2, 2),
  window(3, 2, { pads: [1, 1, 1, 1] }),
  window(3, 1, { pads: [0, 2, 1, 0] }),
  window(7, 3, { pads: [3, 3, 3, 3] }),
  window(3, 2, { dilation: [2, 3], pads: [2, 3, 2, 3] }),
  window(2, 1, { dilation: [4, 1], stride: [1, 3], pads: [4, 1, 4, 1] }),
  { kernel: [1, 4], stride: [3, 1], dilation: [1, 2], pads: [0, 5, 0, 5] },
  // The outermost windows hold nothing but padding.
  window(2, 1, { pads: [3, 3, 3, 3] }),
];

t.test('pools agree for any window, layout and number of channels', async (t) => {
  for (const layout of layouts)
    for (const channels of [1, 3, 4, 7, 13])
      matches(
        t,
        `${channels} channels, ${layout}`,
        ({ b, input }) => {
          const x = input(`f32[3,${channels},9,13]`, layout);
          return windows.flatMap((attrs) => [b.maxPool(x, attrs), b.sumPool(x, attrs)]);
        },
        { relative: 1e-6, absolute: 2e-6 },
      );
  matches(t, 'no images', ({ b, input }) => [b.maxPool(input('f32[0,3,8,8]'), window(2, 2))]);
  matches(t, 'no channels', ({ b, input }) => [b.sumPool(input('f32[2,0,8,8]'), window(3, 1))]);
});

t.test('padding never wins, and NaN always does', async (t) => {
  const data = Float32Array.from({ length: 2 * 49 }, (_, i) => -1000 - i);
  data.set([NaN, -Infinity, -Infinity, Infinity], 40);
  const x: Tensor = { type: { dtype: 'f32', shape: [1, 2, 7, 7] }, data };
  matches(t, 'negative values', ({ b, input }) =>
    windows.map((attrs) => b.maxPool(input('', 'rowMajor', x), attrs)),
  );
});

t.test('resampling agrees along every axis of any layout', async (t) => {
  for (const layout of layouts)
    for (const taps of [1, 2, 4, 7])
      matches(
        t,
        `${taps} taps, ${layout}`,
        ({ b, input }) =>
          // Random indices are below 10.
          ['f32[10,3,5,4]', 'f32[2,10,3,13]', 'f32[1,5,10,7]', 'f32[3,4,1,10]'].map(
            (type, axis) => {
              const table = [input(`i32[6,${taps}]`), input(`f32[6,${taps}]`, layout)] as const;
              return b.resample(input(type, layout), ...table, { axis });
            },
          ),
        { relative: 1e-6, absolute: 1e-6 },
      );
});

t.test('resampling by a table of ones copies, of any rank', async (t) => {
  const indices: Tensor = {
    type: { dtype: 'i32', shape: [5, 1] },
    data: Int32Array.of(0, 2, 2, 1, 0),
  };
  const ones: Tensor = { type: { dtype: 'f32', shape: [5, 1] }, data: new Float32Array(5).fill(1) };
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) => {
      const nearest = (type: string, axis: number) =>
        b.resample(input(type, layout), b.constant(indices), b.constant(ones), { axis });
      return [
        nearest('f32[3]', 0),
        nearest('f32[7,3]', 1),
        nearest('f32[3,13]', 0),
        nearest('f32[2,5,3,7]', 2),
        nearest('f32[2,5,7,3]', 3),
        nearest('f32[2,3,7,3,2]', 3),
        nearest('f32[0,3]', 1),
      ];
    });
});

t.test('results have clean margins where a convolution reads them', async (t) => {
  const attrs = { stride: [1, 1], dilation: [1, 1], groups: 1, pads: [1, 2, 1, 2] } as const;
  for (const channels of [1, 3, 4, 7])
    for (const layout of layouts)
      matches(
        t,
        `${channels} channels, ${layout}`,
        ({ b, input }) => {
          const x = input(`f32[2,${channels},10,6]`, layout);
          const before = [0, 0, 1, 0];
          const steps = [input('i32[5,2]'), input('f32[5,2]')] as const;
          const producers = [
            b.maxPool(x, window(3, 2)),
            b.sumPool(x, window(2, 1)),
            b.resample(x, ...steps, { axis: 2 }),
            b.softmax(x, { axis: 1 }),
            b.softmax(x, { axis: 3 }),
            b.concat([x, x], { axis: 1 }),
            b.pad(x, { before, after: before, value: 3 }),
            b.gather(x, input('i32[3]'), { axis: 2 }),
            b.reduce(x, { kind: 'sum', axes: [0], keepDims: true }),
          ];
          return producers.map((y) => {
            const c = y.type.shape[1]!;
            return b.conv(y, input(`f32[5,${c},3,3]`), input('f32[5]'), attrs);
          });
        },
        { relative: 1e-5, absolute: 2e-5 },
      );
});
