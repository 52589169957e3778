// Average pooling: a sum divided by how many elements were summed.

import { same } from '../channels.ts';
import { defineOp, type Op } from './op.ts';
import type { PoolAttrs } from './pool.ts';
import { maxPool } from './pool.ts';
import { insideTaps } from './windows.ts';

/** The window, and what its mean is taken over. */
export interface AvgPoolAttrs extends PoolAttrs {
  /** Whether padding counts as elements. */
  readonly countPads: boolean;
}

/** The mean of each window, over its elements inside the input or over all of them. */
export const avgPool: Op<AvgPoolAttrs, 1> = defineOp<AvgPoolAttrs, 1>({
  name: 'avgPool',
  arity: 1,
  infer: ([x], attrs) => maxPool.infer([x], attrs),

  decompose(b, [x], { countPads, ...attrs }) {
    const sums = b.sumPool(x, attrs);
    const { kernel, stride, dilation, pads } = attrs;
    if (countPads) return b.scalar('mul', sums, b.value(1 / (kernel[0] * kernel[1])));
    const [rows, columns] = [0, 1].map((axis) =>
      Array.from({ length: sums.type.shape[2 + axis]! }, (_, i) => {
        const start = i * stride[axis]! - pads[axis]!;
        const size = x.type.shape[2 + axis]!;
        const [first, end] = insideTaps(start, kernel[axis]!, dilation[axis]!, size);
        return end - first;
      }),
    );
    const counts = rows!.flatMap((r) => columns!.map((c) => 1 / (r * c)));
    if (counts.every((count) => count === counts[0]))
      return b.scalar('mul', sums, b.value(counts[0] ?? 1));
    const shares = b.constant({
      type: { dtype: 'f32', shape: [1, 1, rows!.length, columns!.length] },
      data: Float32Array.from(counts),
    });
    return b.scalar('mul', sums, shares);
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => same(0, 1),
  macs: () => 0,
});
