// Batch normalisation with fixed statistics: affine in each channel.

import { at, same, tied } from '../channels.ts';
import { badShape } from '../errors.ts';
import { showType } from '../types.ts';
import { expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { parseScalar } from './scalar.ts';

/** The constant of a batch normalisation. */
export interface BatchNormAttrs {
  /** Added to the variance. */
  readonly epsilon: number;
}

/**
 * `(x − mean) / √(variance + epsilon) · scale + bias` of `[x, scale, bias, mean, variance]`, the last four
 * `[C]` along axis 1.
 */
export const batchNorm: Op<BatchNormAttrs, 'many'> = defineOp<BatchNormAttrs, 'many'>({
  name: 'batchNorm',
  arity: 'many',

  infer(inputs) {
    const [x, ...statistics] = inputs;
    if (!x || statistics.length !== 4 || x.shape.length < 2)
      throw badShape('batchNorm', `${inputs.map(showType).join(', ')}`);
    for (const type of inputs) expectDType('batchNorm', type, 'f32');
    for (const type of statistics)
      if (type.shape.length !== 1 || type.shape[0] !== x.shape[1])
        throw badShape('batchNorm', `${showType(type)} for ${showType(x)}`);
    return x;
  },

  decompose(b, [x, scale, bias, mean, variance], { epsilon }) {
    const shape = [-1, ...x!.type.shape.slice(2).fill(1)];
    const along = (node: NonNullable<typeof scale>) =>
      b.reshape(node, { shape: shape.map((n) => (n < 0 ? node.type.shape[0]! : n)) });
    // As factor and offset, so that constants fold into two.
    const factor = b.scalar(
      'div',
      scale!,
      b.scalar('sqrt', b.scalar('add', variance!, b.value(epsilon))),
    );
    const offset = b.scalar('sub', bias!, b.scalar('mul', mean!, factor));
    return b.map([x!, along(factor), along(offset)], { expr: parseScalar('a0 * a1 + a2') });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => [
    ...same(0),
    ...tied(at(0, 1), at('output', 1), at(1, 0), at(2, 0), at(3, 0), at(4, 0)),
  ],
  macs: () => 0,
});
