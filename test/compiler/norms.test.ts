import type { Tensor } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

/** Exponentials of a few units in the last place, divided by a sum of them. */
const close = { relative: 1e-6, absolute: 1e-7 };

t.test('softmax agrees along every axis of any layout', async (t) => {
  for (const layout of layouts)
    matches(
      t,
      layout,
      ({ b, input }) => [
        ...['2,3,5,7', '1,13,3,4', '3,1,4,1', '2,16,4,6'].flatMap((shape) =>
          [0, 1, 2, 3].map((axis) => b.softmax(input(`f32[${shape}]`, layout), { axis })),
        ),
        ...['13', '1', '4', '1001'].map((shape) =>
          b.softmax(input(`f32[${shape}]`, layout), { axis: 0 }),
        ),
        b.softmax(input('f32[3,0,2]', layout), { axis: 0 }),
        b.softmax(input('f32[3,0,2]', layout), { axis: 1 }),
      ],
      close,
    );
});

t.test('softmax takes large, infinite and missing values as the reference does', async (t) => {
  const rows = [
    [1000, 999, -1000, 0, 998],
    [-1000, -1001, -1002, -5000, -1000],
    [-Infinity, 1, 2, -Infinity, 3],
    [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
    [NaN, 1, 2, 3, 4],
    [Infinity, 1, 2, 3, 4],
    [3e38, -3e38, 0, 1, 2],
  ];
  const data = Float32Array.from(rows.flat());
  const x: Tensor = { type: { dtype: 'f32', shape: [rows.length, 5] }, data };
  matches(
    t,
    'rows and columns',
    ({ b, input }) => {
      const value = input('', 'rowMajor', x);
      const turned = b.transpose(value, { perm: [1, 0] });
      return [b.softmax(value, { axis: 1 }), b.softmax(turned, { axis: 0 })];
    },
    close,
  );
});

t.test('layer norm agrees over any trailing axes of any layout', async (t) => {
  for (const layout of layouts)
    matches(
      t,
      layout,
      ({ b, input }) => [
        ...[0, 1, 2, 3].flatMap((axis) =>
          [
            [2, 3, 5, 7],
            [1, 13, 4, 1],
            [3, 2, 1, 13],
          ].map((shape) => {
            const rest = shape.slice(axis);
            const [scale, bias] = [input(`f32[${rest}]`, layout), input(`f32[${rest}]`, layout)];
            return b.layerNorm(input(`f32[${shape}]`, layout), scale, bias, {
              axis,
              epsilon: 1e-5,
            });
          }),
        ),
        b.layerNorm(input('f32[0,4]', layout), input('f32[4]'), input('f32[4]'), {
          axis: 1,
          epsilon: 1e-5,
        }),
      ],
      // Rows of one or few elements divide differences by their own size.
      { relative: 2e-6, absolute: 4e-6 },
    );
});

t.test('layer norm keeps its digits far from zero', async (t) => {
  const data = Float32Array.from({ length: 3 * 769 }, (_, i) => 100 + ((i * 7919) % 97) / 97);
  const x: Tensor = { type: { dtype: 'f32', shape: [3, 769] }, data };
  matches(
    t,
    'a mean a hundred times the deviation',
    ({ b, input }) => [
      b.layerNorm(input('', 'rowMajor', x), input('f32[769]'), input('f32[769]'), {
        axis: 1,
        epsilon: 1e-5,
      }),
    ],
    // A mean of 100 is known to 2⁻¹⁷ · a few: the deviations, of some 0.3, inherit that.
    { relative: 1e-4, absolute: 1e-4 },
  );
});
