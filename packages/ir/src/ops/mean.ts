// The mean over axes.

import { elementCount } from '../types.ts';
import { defineOp, type Op } from './op.ts';
import { reduce } from './reduce.ts';

/** Which axes are averaged. */
export interface MeanAttrs {
  /** Ascending. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** Averages over axes. */
export const mean: Op<MeanAttrs, 1> = defineOp<MeanAttrs, 1>({
  name: 'mean',
  arity: 1,
  infer: ([x], attrs) => reduce.infer([x], { kind: 'sum', ...attrs }),

  decompose(b, [x], attrs) {
    const count = elementCount(attrs.axes.map((axis) => x.type.shape[axis]!));
    const sum = b.reduce(x, { kind: 'sum', ...attrs });
    if (x.type.dtype === 'i32') return b.scalar('div', sum, b.value(count, 'i32'));
    return b.scalar('mul', sum, b.value(1 / count));
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: (attrs, inputs, output) => reduce.channels({ kind: 'sum', ...attrs }, inputs, output),
  macs: () => 0,
});
