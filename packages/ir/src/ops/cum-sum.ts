// Running sums along an axis.

import { same } from '../channels.ts';
import { elementCount } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** Which axis, and what each sum takes in. */
export interface CumSumAttrs {
  readonly axis: number;
  /** Whether a sum ends before its own element. */
  readonly exclusive: boolean;
  /** Whether sums start at the end of the axis. */
  readonly reverse: boolean;
}

/** Each element plus all before it along an axis. */
export const cumSum: Op<CumSumAttrs, 1> = defineOp<CumSumAttrs, 1>({
  name: 'cumSum',
  arity: 1,

  infer([x], { axis }) {
    expectDType('cumSum', x, 'f32', 'i32');
    expectAxis('cumSum', x, axis);
    return x;
  },

  evaluate([x], { axis, exclusive, reverse }, y) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let step = 0; step < size; step++) {
          const at = (o * size + (reverse ? size - 1 - step : step)) * inner + i;
          const next = sum + x.data[at]!;
          y.data[at] = exclusive ? sum : next;
          sum = next;
        }
      }
  },

  gradient: (b, dy, attrs) => [b.cumSum(dy, { ...attrs, reverse: !attrs.reverse })],
  channels: ({ axis }, [x]) => same(...x.shape.map((_, a) => a).filter((a) => a !== axis)),
  macs: () => 0,
});
