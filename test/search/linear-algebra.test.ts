// Factors, solutions and products of small systems against plain loops, at all sizes around the number of lanes.

import { randomSource } from '@espalier/ir';
import t from 'tap';
import {
  cholesky,
  solveAllInPlace,
  solveInPlace,
  timesSymmetric,
} from '../../packages/search/src/linear-algebra.ts';

const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 13, 30];
const counts = [1, 3, 4, 5, 8, 11];

const random = randomSource(5);
const values = (length: number) => Float64Array.from({ length }, () => random() - 0.5);

/** A symmetric positive matrix. */
function positive(size: number): Float64Array {
  const root = values(size * size);
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = i === j ? 0.1 : 0;
    for (let k = 0; k < size; k++) sum += root[i * size + k]! * root[j * size + k]!;
    return sum;
  });
}

/** Rows times a matrix, in plain loops. */
const times = (rows: Float64Array, matrix: Float64Array, size: number): Float64Array =>
  rows.map((_, at) => {
    const [row, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let i = 0; i < size; i++) sum += rows[row * size + i]! * matrix[i * size + j]!;
    return sum;
  });

/** The largest difference. */
const apart = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

t.test('a Cholesky factor times its transpose is the matrix', async (t) => {
  for (const size of sizes) {
    const matrix = positive(size);
    const l = cholesky(matrix, size);
    const transposed = l.map((_, at) => l[(at % size) * size + Math.floor(at / size)]!);
    t.ok(apart(times(l, transposed, size), matrix) < 1e-12, `${size} × ${size}`);
    t.ok(
      l.every((value, at) => at % size <= Math.floor(at / size) || value === 0),
      'nothing is above its diagonal',
    );
  }
});

t.test('solutions give the right sides again', async (t) => {
  for (const size of sizes)
    for (const count of counts) {
      const matrix = positive(size);
      const factor = cholesky(matrix, size);
      const wanted = values(count * size);
      const solved = wanted.slice();
      solveAllInPlace(factor, size, solved);
      t.ok(apart(times(solved, matrix, size), wanted) < 1e-9, `${count} of ${size}`);
      const alone = wanted.slice(0, size);
      solveInPlace(factor, size, alone);
      t.ok(apart(alone, solved.subarray(0, size)) < 1e-12 * Math.max(1, ...alone.map(Math.abs)));
    }
});

t.test('rows times a symmetric matrix', async (t) => {
  for (const size of sizes)
    for (const count of counts) {
      const matrix = positive(size);
      const rows = values(count * size);
      const found = timesSymmetric(rows, matrix, size);
      t.ok(apart(found, times(rows, matrix, size)) < 1e-12, `${count} of ${size}`);
    }
});
