// The same elements, in row-major order, under another shape.

import { reshaped } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { defineOp, type Op } from './op.ts';

/** The new shape. */
export interface ReshapeAttrs {
  readonly shape: readonly number[];
}

/** Gives an operand another shape with as many elements. */
export const reshape: Op<ReshapeAttrs, 1> = defineOp<ReshapeAttrs, 1>({
  name: 'reshape',
  arity: 1,

  infer([x], { shape }) {
    const extents = shape.every((extent) => Number.isInteger(extent) && extent >= 0);
    if (!extents || elementCount(shape) !== elementCount(x.shape))
      throw badShape('reshape', `${showType(x)} as [${shape}]`);
    return { dtype: x.dtype, shape };
  },

  evaluate: ([x], _, y) => y.data.set(x.data),
  gradient: (b, dy, _, { inputs: [x] }) => [b.reshape(dy, { shape: x.type.shape })],
  channels: ({ shape }, [x]) => reshaped(x.shape, shape),
  macs: () => 0,
});
