// Instance normalisation: each channel of each image on its own.

import { at, same, tied } from '../channels.ts';
import { badShape } from '../errors.ts';
import { showType } from '../types.ts';
import { expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { parseScalar } from './scalar.ts';

/** The constant of an instance normalisation. */
export interface InstanceNormAttrs {
  /** Added to the variance. */
  readonly epsilon: number;
}

/** Normalises `[N, C, …]` over all axes after the second, then scales and shifts by `[C]`. */
export const instanceNorm: Op<InstanceNormAttrs, 3> = defineOp<InstanceNormAttrs, 3>({
  name: 'instanceNorm',
  arity: 3,

  infer([x, scale, bias]) {
    for (const type of [x, scale, bias]) expectDType('instanceNorm', type, 'f32');
    for (const type of [scale, bias])
      if (x.shape.length < 3 || type.shape.length !== 1 || type.shape[0] !== x.shape[1])
        throw badShape('instanceNorm', `${showType(type)} for ${showType(x)}`);
    return x;
  },

  decompose(b, [x, scale, bias], { epsilon }) {
    const axes = x.type.shape.map((_, axis) => axis).slice(2);
    const shape = [x.type.shape[1]!, ...axes.map(() => 1)];
    const centred = b.scalar('sub', x, b.mean(x, { axes, keepDims: true }));
    const variance = b.mean(b.scalar('mul', centred, centred), { axes, keepDims: true });
    const deviation = b.scalar('sqrt', b.scalar('add', variance, b.value(epsilon)));
    const factor = b.scalar('div', b.reshape(scale, { shape }), deviation);
    return b.map([centred, factor, b.reshape(bias, { shape })], {
      expr: parseScalar('a0 * a1 + a2'),
    });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => [...same(0), ...tied(at(0, 1), at('output', 1), at(1, 0), at(2, 0))],
  macs: () => 0,
});
