import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

const sum = parseScalar('a0 + a1 * 2');
const shapes = ['13', '1,7', '3,1', '2,3,5', '3,13,7,1', '1,3,7,13', '2,16,4,8', '1,5,1,1', '0,3'];

t.test('maps agree however operands lie', async (t) => {
  for (const layout of layouts)
    for (const other of layouts)
      matches(t, `${layout} and ${other}`, ({ b, input }) =>
        shapes.map((shape) =>
          b.map([input(`f32[${shape}]`, layout), input(`f32[${shape}]`, other)], { expr: sum }),
        ),
      );
});

t.test('operands broadcast along any axes', async (t) => {
  const cases = [
    ['2,3,5,7', '7'],
    ['2,3,5,7', '3,1,1'],
    ['2,3,5,7', '2,1,5,1'],
    ['2,1,5,1', '1,3,1,7'],
    ['', '13'],
    ['4,4', ''],
    ['', ''],
    ['1,8,1', '3,1,4'],
    ['0,3', '1'],
  ] as const;
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      cases.flatMap(([a, c]) => [
        b.map([input(`f32[${a}]`, layout), input(`f32[${c}]`, layout)], { expr: sum }),
        b.map([input(`f32[${c}]`, layout), input(`f32[${a}]`)], { expr: sum }),
      ]),
    );
});

t.test('types meet in one expression', async (t) => {
  const expr = parseScalar('select(a0, toF32(a1 + 3i), a2)');
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) => [
      b.map([input('bool[3,1,7]', layout), input('i32[3,5,1]', layout), input('f32[7]', layout)], {
        expr,
      }),
      b.map([input('i32[3,7]', layout)], { expr: parseScalar('lt(a0, 5i)') }),
      b.map([input('bool[13]', layout)], { expr: parseScalar('not(a0)') }),
    ]);
});

t.test('results have margins where a convolution reads them', async (t) => {
  const attrs = { stride: [1, 1], dilation: [1, 1], groups: 1, pads: [2, 1, 1, 3] } as const;
  for (const layout of layouts)
    matches(
      t,
      layout,
      ({ b, input }) => {
        const x = b.map([input('f32[2,5,7,3]', layout)], { expr: parseScalar('a0 + 1') });
        return [b.conv(x, input('f32[3,5,3,3]'), input('f32[3]'), attrs), x];
      },
      { relative: 1e-5, absolute: 1e-5 },
    );
});
