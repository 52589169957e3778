// Softmax along one axis.

import { same } from '../channels.ts';
import { elementCount } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** The axis that comes to sum to 1. */
export interface SoftmaxAttrs {
  readonly axis: number;
}

/** `exp(x − max) / Σ exp(x − max)` along an axis. */
export const softmax: Op<SoftmaxAttrs, 1> = defineOp<SoftmaxAttrs, 1>({
  name: 'softmax',
  arity: 1,

  infer([x], { axis }) {
    expectDType('softmax', x, 'f32');
    expectAxis('softmax', x, axis);
    return x;
  },

  evaluate([x], { axis }, y) {
    const { shape } = x.type;
    const extent = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const start = o * extent * inner + i;
        const end = start + extent * inner;
        let greatest = Number.NEGATIVE_INFINITY;
        for (let at = start; at < end; at += inner) greatest = Math.max(greatest, x.data[at]!);
        let sum = 0;
        for (let at = start; at < end; at += inner) sum += Math.exp(x.data[at]! - greatest);
        for (let at = start; at < end; at += inner)
          y.data[at] = Math.exp(x.data[at]! - greatest) / sum;
      }
  },

  gradient(b, dy, { axis }, { output }) {
    const product = b.scalar('mul', dy, output);
    const sum = b.reduce(product, { kind: 'sum', axes: [axis], keepDims: true });
    return [b.scalar('mul', output, b.scalar('sub', dy, sum))];
  },

  channels: ({ axis }, [x]) => same(...x.shape.map((_, a) => a).filter((a) => a !== axis)),
  macs: () => 0,
});
