// Products of matrices, batched.

import { type AxisLink, at } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { expectDType } from './checks.ts';
import { swapLast, unbroadcast } from './gradients.ts';
import { broadcastShapes } from './map.ts';
import { defineOp, type Op } from './op.ts';

/** None: the operands say everything. */
export type MatmulAttrs = Readonly<Record<never, never>>;

/** `[…, M, K] · [… , K, N]` to `[…, M, N]`; the axes before the last two broadcast as numpy's do. */
export const matmul: Op<MatmulAttrs, 2> = defineOp<MatmulAttrs, 2>({
  name: 'matmul',
  arity: 2,

  infer([a, b]) {
    expectDType('matmul', a, 'f32');
    expectDType('matmul', b, 'f32');
    const fits = a.shape.length >= 2 && b.shape.length >= 2 && a.shape.at(-1) === b.shape.at(-2);
    if (!fits) throw badShape('matmul', `${showType(a)} times ${showType(b)}`);
    const batch = [a, b].map((type) => ({ ...type, shape: type.shape.slice(0, -2) }));
    const shape = [...broadcastShapes('matmul', batch), a.shape.at(-2)!, b.shape.at(-1)!];
    return { dtype: 'f32', shape };
  },

  evaluate([a, b], _, y) {
    const [m, k, n] = [a.type.shape.at(-2)!, a.type.shape.at(-1)!, b.type.shape.at(-1)!];
    const batch = y.type.shape.slice(0, -2);
    const matrices = elementCount(batch);
    const sums = new Float64Array(n);
    for (let matrix = 0; matrix < matrices; matrix++) {
      const fromA = matrixOf(a.type.shape, batch, matrix) * m * k;
      const fromB = matrixOf(b.type.shape, batch, matrix) * k * n;
      for (let row = 0; row < m; row++) {
        sums.fill(0);
        for (let depth = 0; depth < k; depth++) {
          const scale = a.data[fromA + row * k + depth]!;
          const line = fromB + depth * n;
          for (let column = 0; column < n; column++)
            sums[column]! += scale * b.data[line + column]!;
        }
        y.data.set(sums, (matrix * m + row) * n);
      }
    }
  },

  gradient: (b, dy, _, { inputs: [left, right] }) => [
    unbroadcast(b, b.matmul(dy, swapLast(b, right)), left.type.shape),
    unbroadcast(b, b.matmul(swapLast(b, left), dy), right.type.shape),
  ],

  channels(_, [a, b], y) {
    const [rankA, rankB, rank] = [a.shape.length, b.shape.length, y.shape.length];
    const depth: AxisLink = { places: [at(0, rankA - 1), at(1, rankB - 2)] };
    const rows: AxisLink = { places: [at(0, rankA - 2), at('output', rank - 2)] };
    const columns: AxisLink = { places: [at(1, rankB - 1), at('output', rank - 1)] };
    const batch = y.shape.slice(0, -2).map((extent, axis): AxisLink => {
      const places = [a, b].flatMap(({ shape }, of) => {
        const own = axis - (rank - shape.length);
        return own >= 0 && shape[own] === extent ? [at(of, own)] : [];
      });
      return { places: [at('output', axis), ...places] };
    });
    return [depth, rows, columns, ...batch];
  },

  macs: (_, [a], y) => elementCount(y.shape) * a.shape.at(-1)!,
});

/** Which matrix of an operand meets matrix `index` of the broadcast batch. */
function matrixOf(shape: readonly number[], batch: readonly number[], index: number): number {
  const lead = batch.length - (shape.length - 2);
  let rest = index;
  let from = 0;
  let step = 1;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    const at = rest % batch[axis]!;
    rest = Math.floor(rest / batch[axis]!);
    if (axis < lead) continue;
    const own = shape[axis - lead]!;
    if (own !== 1) from += at * step;
    step *= own;
  }
  return from;
}
