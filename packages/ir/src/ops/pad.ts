// Margins of a constant around a tensor.

import type { AxisLink } from '../channels.ts';
import { badShape } from '../errors.ts';
import { rowMajorStrides } from '../types.ts';
import { expectEntries } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** The margins and what fills them. */
export interface PadAttrs {
  /** Elements added before and after, one an axis, not negative. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

/** Adds margins of one value. */
export const pad: Op<PadAttrs, 1> = defineOp<PadAttrs, 1>({
  name: 'pad',
  arity: 1,

  infer([x], { before, after }) {
    expectEntries('pad', x, before);
    expectEntries('pad', x, after);
    if ([...before, ...after].some((n) => n < 0))
      throw badShape('pad', `margins [${before}] and [${after}] are not counts`);
    return { dtype: x.dtype, shape: x.shape.map((n, axis) => before[axis]! + n + after[axis]!) };
  },

  evaluate([x], { before, value }, y) {
    y.data.fill(value);
    const strides = rowMajorStrides(y.type.shape);
    const { shape } = x.type;
    const index = shape.map(() => 0);
    let to = before.reduce((sum, n, axis) => sum + n * strides[axis]!, 0);
    for (let from = 0; from < x.data.length; from++) {
      y.data[to] = x.data[from]!;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        to += strides[axis]!;
        if (++index[axis]! < shape[axis]!) break;
        to -= strides[axis]! * index[axis]!;
        index[axis] = 0;
      }
    }
  },

  gradient: (b, dy, { before }, { inputs: [x] }) => [
    b.slice(dy, { starts: before, sizes: x.type.shape, steps: before.map(() => 1) }),
  ],

  channels: ({ before, after }, [x]) =>
    x.shape.flatMap((_, axis): AxisLink[] =>
      before[axis] === 0 && after[axis] === 0
        ? [
            {
              places: [
                { of: 0, axis },
                { of: 'output', axis },
              ],
            },
          ]
        : [],
    ),

  macs: () => 0,
});
