// Products of matrices, and what resamples along an axis, against their sums.

import t from 'tap';
import { compute, computes, type FormulaCase, sumOver } from '../support/by-index.ts';
import { tensor } from '../support/tensors.ts';

const extents = [1, 3, 7, 13];

t.test(
  'matmul multiplies matrices of any extents',
  computes(
    'matmul',
    extents.flatMap((m) =>
      extents.flatMap((k) =>
        [1, 7].map(
          (n): FormulaCase => ({
            inputs: [`f32[${m},${k}]`, `f32[${k},${n}]`],
            output: `f32[${m},${n}]`,
            formula: ([row, column], a, b) => sumOver([k], (i) => a!(row!, i!) * b!(i!, column!)),
          }),
        ),
      ),
    ),
  ),
);

t.test(
  'matmul broadcasts its batches',
  computes('matmul', [
    {
      inputs: ['f32[2,1,3,5]', 'f32[4,5,2]'],
      output: 'f32[2,4,3,2]',
      formula: ([p, q, row, column], a, b) =>
        sumOver([5], (i) => a!(p!, 0, row!, i!) * b!(q!, i!, column!)),
    },
    {
      inputs: ['f32[3,5]', 'f32[2,5,2]'],
      output: 'f32[2,3,2]',
      formula: ([p, row, column], a, b) => sumOver([5], (i) => a!(row!, i!) * b!(p!, i!, column!)),
    },
    {
      inputs: ['f32[2,3,0]', 'f32[2,0,2]'],
      output: 'f32[2,3,2]',
      formula: () => 0,
    },
  ]),
);

t.test(
  'linear multiplies by rows of weights, whatever the rank',
  computes('linear', [
    {
      inputs: ['f32[2,3,7]', 'f32[5,7]', 'f32[5]'],
      output: 'f32[2,3,5]',
      formula: ([p, q, o], x, w, bias) =>
        bias!(o!) + sumOver([7], (i) => x!(p!, q!, i!) * w!(o!, i!)),
    },
    {
      inputs: ['f32[13]', 'f32[3,13]', 'f32[3]'],
      output: 'f32[3]',
      formula: ([o], x, w, bias) => bias!(o!) + sumOver([13], (i) => x!(i!) * w!(o!, i!)),
    },
    {
      inputs: ['f32[2,0]', 'f32[3,0]', 'f32[3]'],
      output: 'f32[2,3]',
      formula: ([, o], _x, _w, bias) => bias!(o!),
    },
  ]),
);

const indices = tensor('i32[4,3]', [0, 1, 2, 2, 2, 2, 4, 0, 1, 3, 3, 0]);

t.test(
  'resample weighs the elements that its table names',
  computes('resample', [
    {
      inputs: ['f32[2,5,3]', 'i32[4,3]', 'f32[4,3]'],
      attrs: { axis: 1 },
      fixed: { 1: indices },
      output: 'f32[2,4,3]',
      formula: ([a, to, c], x, i, w) =>
        sumOver([3], (tap) => w!(to!, tap!) * x!(a!, i!(to!, tap!), c!)),
    },
    {
      inputs: ['f32[5]', 'i32[4,3]', 'f32[4,3]'],
      attrs: { axis: 0 },
      fixed: { 1: indices },
      output: 'f32[4]',
      formula: ([to], x, i, w) => sumOver([3], (tap) => w!(to!, tap!) * x!(i!(to!, tap!))),
    },
  ]),
);

t.test('resample never reads beyond its axis', async (t) => {
  const x = tensor('f32[3]', [10, 20, 30]);
  const table = [tensor('i32[2,1]', [-5, 99]), tensor('f32[2,1]', [1, 1])];
  const y = compute('resample', [x, ...table], { axis: 0 });
  t.same([...y.data], [10, 30], 'the nearest element stands in');
});
