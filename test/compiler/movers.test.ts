import t from 'tap';
import { layouts, matches } from '../support/matches-reference.ts';

const shapes = [
  '13',
  '3,7',
  '1,1',
  '2,3,5',
  '1,16,8,8',
  '3,13,7,5',
  '2,3,1,4',
  '1,4,200,3',
  '3,0,2',
];
const permutations = [
  [0, 2, 3, 1],
  [0, 3, 1, 2],
  [3, 2, 1, 0],
  [2, 3, 0, 1],
  [1, 0, 3, 2],
];

t.test('copies bring every layout into rows', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ input }) =>
      ['f32', 'i32', 'bool'].flatMap((dtype) =>
        shapes.map((shape) => input(`${dtype}[${shape}]`, layout)),
      ),
    );
});

t.test('copies transpose blocks and borders', async (t) => {
  for (const shape of ['1,16,8,8', '3,13,7,5', '2,4,9,6', '1,3,5,130', '2,1,4,7'])
    matches(t, shape, ({ b, input }) =>
      permutations.flatMap((perm) =>
        layouts.map((layout) => b.transpose(input(`f32[${shape}]`, layout), { perm })),
      ),
    );
});

t.test('copies interleave two planes, or three', async (t) => {
  for (const planes of [2, 3])
    matches(t, `${planes} planes`, ({ b, input }) =>
      [
        [1, 4],
        [3, 5],
        [2, 16],
        [5, 7],
      ].flatMap(([h, w]) => {
        const perm = [0, 2, 3, 1];
        const one = input(`f32[2,1,${h},${w}]`);
        const tall = input(`f32[2,${planes},${2 * h!},${w}]`);
        const odd = { starts: [0, 0, 1, 0], sizes: [2, planes, h!, w!], steps: [1, 1, 2, 1] };
        return [
          b.transpose(input(`f32[2,${planes},${h},${w}]`), { perm }),
          b.transpose(input(`i32[${planes},${h! * w!}]`), { perm: [1, 0] }),
          b.transpose(b.slice(tall, odd), { perm }),
          b.transpose(b.expand(one, { shape: [2, planes, h!, w!] }), { perm }),
          b.transpose(
            b.slice(input(`f32[2,${planes},${h},${w}]`), {
              starts: [0, planes - 1, 0, 0],
              sizes: [2, planes, h!, w!],
              steps: [1, -1, 1, 1],
            }),
            { perm },
          ),
        ];
      }),
    );
});

t.test('views of views copy once', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) => {
      const x = input('f32[2,6,5,4]', layout);
      const turned = b.transpose(x, { perm: [0, 3, 2, 1] });
      const odd = { starts: [1, 3, 0, 5], sizes: [1, 4, 3, 3], steps: [1, -1, 2, -2] };
      return [
        b.reshape(turned, { shape: [8, 30] }),
        b.slice(turned, odd),
        b.expand(b.slice(turned, odd), { shape: [7, 4, 3, 3] }),
        b.reshape(b.slice(turned, odd), { shape: [3, 12] }),
        b.transpose(b.expand(input('f32[1,5,1]', layout), { shape: [3, 5, 7] }), {
          perm: [1, 2, 0],
        }),
      ];
    });
});

t.test('concat joins along every axis', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      [0, 1, 2, 3].flatMap((axis) =>
        ['f32', 'bool'].map((dtype) => {
          const part = (extent: number) => {
            const shape = [2, 3, 5, 4];
            shape[axis] = extent;
            return input(`${dtype}[${shape}]`, layout);
          };
          return b.concat([part(1), part(0), part(7), part(4)], { axis });
        }),
      ),
    );
});

t.test('pad surrounds with its value', async (t) => {
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) => [
      b.pad(input('f32[2,3,5,4]', layout), {
        before: [0, 1, 2, 3],
        after: [1, 0, 0, 2],
        value: -2.5,
      }),
      b.pad(input('i32[3,7]', layout), { before: [0, 0], after: [0, 1], value: 7 }),
      b.pad(input('bool[13]', layout), { before: [5], after: [1], value: 1 }),
      b.pad(input('f32[0,3]', layout), { before: [2, 1], after: [0, 1], value: 0.5 }),
      b.pad(input('f32[2,3]', layout), { before: [0, 0], after: [0, 0], value: Infinity }),
    ]);
});

t.test('gather copies the slices that indices name', async (t) => {
  const picks = ['i32[]', 'i32[1]', 'i32[3,2]', 'i32[7]', 'i32[0]'];
  for (const layout of layouts)
    matches(t, layout, ({ b, input }) =>
      // Random indices are below 10.
      ['f32[10,3,5]', 'f32[4,10,1]', 'i32[3,5,10]'].flatMap((type, axis) =>
        picks.map((pick) => b.gather(input(type, layout), input(pick, layout), { axis })),
      ),
    );
});
