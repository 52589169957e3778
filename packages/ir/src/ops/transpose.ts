// Permutes axes. A target makes a view of it.

import { badShape } from '../errors.ts';
import { rowMajorStrides } from '../types.ts';
import { expectEntries } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { readStrided } from './strided.ts';

/** The new order of axes. */
export interface TransposeAttrs {
  /** Axis `i` of the result is axis `perm[i]` of the operand. */
  readonly perm: readonly number[];
}

/** Permutes the axes of an operand. */
export const transpose: Op<TransposeAttrs, 1> = defineOp<TransposeAttrs, 1>({
  name: 'transpose',
  arity: 1,

  infer([x], { perm }) {
    expectEntries('transpose', x, perm);
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i))
      throw badShape('transpose', `[${perm}] is not a permutation`);
    return { dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) };
  },

  evaluate([x], { perm }, y) {
    const strides = rowMajorStrides(x.type.shape);
    readStrided(
      x,
      0,
      perm.map((axis) => strides[axis]!),
      y,
    );
  },

  gradient: (b, dy, { perm }) => [
    b.transpose(dy, { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
  ],

  channels: ({ perm }) =>
    perm.map((axis, to) => ({
      places: [
        { of: 0, axis },
        { of: 'output', axis: to },
      ],
    })),

  macs: () => 0,
});
