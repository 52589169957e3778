// Repeats a tensor as broadcasting does. A target makes a view of it.

import type { AxisLink } from '../channels.ts';
import { badShape } from '../errors.ts';
import { rowMajorStrides, showType } from '../types.ts';
import { unbroadcast } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { readStrided } from './strided.ts';

/** The shape to repeat to. */
export interface ExpandAttrs {
  readonly shape: readonly number[];
}

/** Broadcasts an operand to a shape of the same or a higher rank. */
export const expand: Op<ExpandAttrs, 1> = defineOp<ExpandAttrs, 1>({
  name: 'expand',
  arity: 1,

  infer([x], { shape }) {
    const lead = shape.length - x.shape.length;
    const extents = shape.every((n) => Number.isInteger(n) && n >= 0);
    if (!extents || lead < 0 || x.shape.some((n, axis) => n !== 1 && n !== shape[lead + axis]))
      throw badShape('expand', `${showType(x)} does not broadcast to [${shape}]`);
    return { dtype: x.dtype, shape };
  },

  evaluate([x], { shape }, y) {
    const lead = shape.length - x.type.shape.length;
    const own = rowMajorStrides(x.type.shape);
    const repeats = (axis: number) => axis < lead || x.type.shape[axis - lead] === 1;
    readStrided(
      x,
      0,
      shape.map((_, axis) => (repeats(axis) ? 0 : own[axis - lead]!)),
      y,
    );
  },

  gradient: (b, dy, _, { inputs: [x] }) => [unbroadcast(b, dy, x.type.shape)],

  channels({ shape }, [x]) {
    const lead = shape.length - x.shape.length;
    return x.shape.flatMap((extent, axis): AxisLink[] =>
      extent === shape[lead + axis]
        ? [
            {
              places: [
                { of: 0, axis },
                { of: 'output', axis: lead + axis },
              ],
            },
          ]
        : [],
    );
  },

  macs: () => 0,
});
