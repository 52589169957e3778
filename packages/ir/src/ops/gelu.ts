// The Gaussian error linear unit.

import { elementwise } from '../channels.ts';
import { expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { parseScalar } from './scalar.ts';

/** Which of the two usual formulas is meant. */
export interface GeluAttrs {
  readonly approximate: 'none' | 'tanh';
}

const exact = parseScalar('0.5 * a0 * (1 + erf(a0 * 0.7071067811865476))');
const approximate = parseScalar(
  '0.5 * a0 * (1 + tanh(0.7978845608028654 * (a0 + 0.044715 * a0 * a0 * a0)))',
);

/** `x · Φ(x)`, Φ the normal distribution, or its usual approximation by tanh. */
export const gelu: Op<GeluAttrs, 1> = defineOp<GeluAttrs, 1>({
  name: 'gelu',
  arity: 1,

  infer([x]) {
    expectDType('gelu', x, 'f32');
    return x;
  },

  decompose: (b, [x], attrs) =>
    b.map([x], { expr: attrs.approximate === 'tanh' ? approximate : exact }),
  gradient: 'none', // differentiated after it is decomposed
  channels: (_, inputs, output) => elementwise(inputs, output),
  macs: () => 0,
});
