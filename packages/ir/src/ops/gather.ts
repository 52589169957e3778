// Picks slices along one axis by index.

import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { alongAxis, filled, tableMatrix } from './gradients.ts';
import { defineOp, type Op } from './op.ts';

/** The axis to pick from. */
export interface GatherAttrs {
  readonly axis: number;
}

/**
 * Replaces an axis by the axes of `indices`, each index picking one slice. An index outside the axis
 * reads the nearest slice: a kernel must never leave its operand.
 */
export const gather: Op<GatherAttrs, 2> = defineOp<GatherAttrs, 2>({
  name: 'gather',
  arity: 2,

  infer([x, indices], { axis }) {
    expectDType('gather', indices, 'i32');
    expectAxis('gather', x, axis);
    if (x.shape[axis] === 0 && elementCount(indices.shape) > 0)
      throw badShape('gather', `axis ${axis} of ${showType(x)} has nothing to pick`);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return { dtype: x.dtype, shape };
  },

  evaluate([x, indices], { axis }, y) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    let to = 0;
    for (let o = 0; o < outer; o++)
      for (const picked of indices.data) {
        const from = (o * size + Math.min(Math.max(picked, 0), size - 1)) * inner;
        y.data.set(x.data.subarray(from, from + inner), to);
        to += inner;
      }
  },

  gradient(b, dy, { axis }, { inputs: [x, indices] }) {
    const count = elementCount(indices.type.shape);
    const { shape } = x.type;
    const flat = b.reshape(dy, {
      shape: [...shape.slice(0, axis), count, ...shape.slice(axis + 1)],
    });
    const table = b.reshape(indices, { shape: [count, 1] });
    const matrix = tableMatrix(b, table, filled(b, [count, 1], 1), shape[axis]!);
    return [alongAxis(b, flat, matrix, axis), undefined];
  },

  channels({ axis }, [x, indices]) {
    const shift = indices.shape.length - 1;
    return x.shape.flatMap((_, a) =>
      a === axis
        ? []
        : [
            {
              places: [
                { of: 0, axis: a },
                { of: 'output' as const, axis: a < axis ? a : a + shift },
              ],
            },
          ],
    );
  },

  macs: () => 0,
});
