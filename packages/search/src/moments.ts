// Second moments of what a layer sees, in blocks of columns that are taken as independent of each other: all
// columns at once where they are few, since everything that is done with a block takes the cube of its size.

import type { Layer } from './layers.ts';
import { cholesky, inverse } from './linear-algebra.ts';
import { once } from './once.ts';
import { crossProduct, type Matrix } from './products.ts';
import { columnsOf } from './rows.ts';

/** Columns of a block, at most; whole kernels. */
const mostColumns = 640;

/** Added to the diagonal, as a part of its mean; more where rows are few, so that weights do not learn them by heart. */
const damping = (columns: number, rows: number): number =>
  0.001 * Math.max(1, (8 * columns) / rows);

/** Some neighbouring columns. */
export interface Block {
  readonly first: number;
  readonly columns: number;
  /** Covariance of the columns with the damping, `[columns][columns]`. */
  readonly hessian: Float64Array;
  /** Its Cholesky factor and its inverse: these and what follows are computed when they are first needed. */
  factor(): Float64Array;
  inverse(): Float64Array;
  /** The factor of the inverse: column j is what the columns from j on take over from it, if it goes before them. */
  handover(): Float64Array;
}

/** The moments of centred rows. */
export function momentsOf(layer: Layer, rows: Matrix): Block[] {
  const { positions } = layer.shape;
  const kernels = columnsOf(layer) / positions;
  const count = Math.ceil(kernels / Math.max(1, Math.floor(mostColumns / positions)));
  const edge = (i: number) => Math.round((i * kernels) / count) * positions;
  return Array.from({ length: count }, (_, i) => blockOf(rows, edge(i), edge(i + 1)));
}

function blockOf(rows: Matrix, first: number, end: number): Block {
  const columns = end - first;
  const own = sliceColumns(rows, first, end);
  const hessian = crossProduct(own, own).map((sum) => sum / rows.rows);
  let mean = 0;
  for (let k = 0; k < columns; k++) mean += hessian[k * columns + k]! / columns;
  const ridge = mean * damping(columns, rows.rows);
  for (let k = 0; k < columns; k++) hessian[k * columns + k]! += ridge || 1;
  const factor = once(() => cholesky(hessian, columns));
  const inverted = once(() => inverse(factor(), columns));
  return {
    first,
    columns,
    hessian,
    factor,
    inverse: inverted,
    handover: once(() => cholesky(inverted(), columns)),
  };
}

/** Some columns of a matrix; the matrix itself where these are all. */
export function sliceColumns(matrix: Matrix, first: number, end: number): Matrix {
  if (first === 0 && end === matrix.columns) return matrix;
  const columns = end - first;
  const data = new Float32Array(matrix.rows * columns);
  for (let row = 0; row < matrix.rows; row++) {
    const from = row * matrix.columns;
    data.set(matrix.data.subarray(from + first, from + end), row * columns);
  }
  return { rows: matrix.rows, columns, data };
}
