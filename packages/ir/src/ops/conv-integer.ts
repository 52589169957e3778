// Convolution of codes: what a layer of a quantised network comes to. Sums are exact.

import { badShape } from '../errors.ts';
import { allocate } from '../types.ts';
import { expectDType } from './checks.ts';
import { type ConvAttrs, conv } from './conv.ts';
import { defineOp, type Op } from './op.ts';

/** How a convolution of codes slides, and which code means nothing. */
export interface ConvIntegerAttrs extends ConvAttrs {
  /** The code that stands for 0, in [0, 255]: it is taken off every code, and padding holds it. */
  readonly zero: number;
}

/**
 * Convolves codes `[N, C, H, W]`, less the code of zero, with integer weights `[O, C/groups, R, S]` and adds
 * a bias `[O]`. The sums are i32; scales belong to the epilogue.
 */
export const convInteger: Op<ConvIntegerAttrs, 3> = defineOp<ConvIntegerAttrs, 3>({
  name: 'convInteger',
  arity: 3,

  infer([x, w, bias], attrs) {
    expectDType('convInteger', x, 'u8');
    for (const type of [w, bias]) expectDType('convInteger', type, 'i32');
    const { zero } = attrs;
    if (!Number.isInteger(zero) || zero < 0 || zero > 255)
      throw badShape('convInteger', `${zero} is not the code of zero`);
    const as = (type: typeof x) => ({ ...type, dtype: 'f32' as const });
    return { dtype: 'i32', shape: conv.infer([as(x), as(w), as(bias)], attrs).shape };
  },

  evaluate([x, w, bias], attrs, y) {
    // The sums of a convolution are double: exact for integers.
    if (!('evaluate' in conv)) return;
    const shifted = { type: { ...x.type, dtype: 'i32' as const }, data: new Int32Array(x.data) };
    shifted.data.forEach((code, i) => {
      shifted.data[i] = code - attrs.zero;
    });
    const sums = { type: y.type, data: allocate({ ...y.type, dtype: 'i32' }) };
    conv.evaluate([shifted, w, bias], attrs, sums);
    y.data.set(sums.data);
  },

  gradient: 'none',
  channels: conv.channels,
  macs: conv.macs,
});
