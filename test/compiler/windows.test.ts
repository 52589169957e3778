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
