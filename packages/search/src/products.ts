// Products of tall matrices, computed by programs of this project's own compiler.

import { type Builder, createBuilder, type Node, type TensorType } from '@espalier/ir';
import { createRun, type Run } from './runner.ts';

/** A row-major matrix. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

/** Rows that one call takes: no sum of f32 products is longer than this. */
const chunk = 256;

const matrixType = (rows: number, columns: number): TensorType => ({
  dtype: 'f32',
  shape: [rows, columns],
});

/** Programs that are kept: each has a memory of its own. */
const mostPrograms = 12;
const programs = new Map<string, Run>();

/** The program of a product of two matrices of fixed types; the layers of a network share few. */
function programOf(
  name: string,
  types: readonly [TensorType, TensorType],
  product: (b: Builder, left: Node, right: Node) => Node,
): Run {
  const key = `${name} ${types.map(({ shape }) => shape).join(' ')}`;
  const known = programs.get(key);
  if (known) return known;
  const b = createBuilder();
  const [left, right] = [b.input('left', types[0]), b.input('right', types[1])];
  const run = createRun({
    inputs: [left, right],
    outputs: [{ name: 'y', node: product(b, left, right) }],
  });
  if (programs.size >= mostPrograms) programs.delete(programs.keys().next().value!);
  programs.set(key, run);
  return run;
}

/** Runs of rows, the last filled up with zeros. */
function* chunksOf({ rows, columns, data }: Matrix): Generator<Float32Array> {
  for (let first = 0; first < rows; first += chunk) {
    const part = data.subarray(first * columns, Math.min(rows, first + chunk) * columns);
    if (part.length === chunk * columns) yield part;
    else {
      const whole = new Float32Array(chunk * columns);
      whole.set(part);
      yield whole;
    }
  }
}

/** AᵀB of `[rows][m]` and `[rows][n]`: `[m][n]`, f32 products added up in f64. */
export function crossProduct(a: Matrix, b: Matrix): Float64Array {
  const types = [matrixType(chunk, a.columns), matrixType(chunk, b.columns)] as const;
  const run = programOf('crossProduct', types, (builder, left, right) =>
    builder.matmul(builder.transpose(left, { perm: [1, 0] }), right),
  );
  const sum = new Float64Array(a.columns * b.columns);
  const others = chunksOf(b);
  for (const left of chunksOf(a)) {
    const right = others.next().value as Float32Array; // as many rows
    const { y } = run({
      left: { type: types[0], data: left },
      right: { type: types[1], data: right },
    });
    const part = y!.data;
    for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
  }
  return sum;
}

/** A·Wᵀ of `[rows][k]` and `[o][k]`: `[rows][o]`. */
export function product(a: Matrix, w: Matrix): Matrix {
  const types = [matrixType(chunk, a.columns), matrixType(w.rows, w.columns)] as const;
  const run = programOf('product', types, (builder, left, right) =>
    builder.matmul(left, builder.transpose(right, { perm: [1, 0] })),
  );
  const right = { type: types[1], data: w.data };
  const data = new Float32Array(a.rows * w.rows);
  let at = 0;
  for (const left of chunksOf(a)) {
    const part = run({ left: { type: types[0], data: left }, right }).y!.data as Float32Array;
    data.set(part.subarray(0, Math.min(part.length, data.length - at)), at);
    at += part.length;
  }
  return { rows: a.rows, columns: w.rows, data };
}
