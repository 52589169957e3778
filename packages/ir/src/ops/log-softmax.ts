// The logarithm of a softmax, without taking the logarithm of a small number.

import { defineOp, type Op } from './op.ts';
import { type SoftmaxAttrs, softmax } from './softmax.ts';

/** `x − max − log Σ exp(x − max)` along an axis. */
export const logSoftmax: Op<SoftmaxAttrs, 1> = defineOp<SoftmaxAttrs, 1>({
  name: 'logSoftmax',
  arity: 1,
  infer: ([x], attrs) => softmax.infer([x], attrs),

  decompose(b, [x], { axis }) {
    const along = { axes: [axis], keepDims: true } as const;
    const below = b.scalar('sub', x, b.reduce(x, { kind: 'max', ...along }));
    const sum = b.reduce(b.scalar('exp', below), { kind: 'sum', ...along });
    return b.scalar('sub', below, b.scalar('log', sum));
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: (attrs, inputs, output) => softmax.channels(attrs, inputs, output),
  macs: () => 0,
});
