// Layer normalisation: zero mean and unit variance over the trailing axes.

import { same } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, sameShape, showType } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** Which axes are normalised, and the constant. */
export interface LayerNormAttrs {
  /** The first of the axes that are normalised together. */
  readonly axis: number;
  /** Added to the variance. */
  readonly epsilon: number;
}

/**
 * `(x − mean) / √(variance + epsilon) · scale + bias` over the axes from `axis` on; scale and bias have
 * the shape of these axes.
 */
export const layerNorm: Op<LayerNormAttrs, 3> = defineOp<LayerNormAttrs, 3>({
  name: 'layerNorm',
  arity: 3,

  infer([x, scale, bias], { axis }) {
    for (const type of [x, scale, bias]) expectDType('layerNorm', type, 'f32');
    expectAxis('layerNorm', x, axis);
    const inner = x.shape.slice(axis);
    if (!sameShape(scale.shape, inner) || !sameShape(bias.shape, inner))
      throw badShape('layerNorm', `${showType(scale)} and ${showType(bias)} for [${inner}]`);
    return x;
  },

  evaluate([x, scale, bias], { axis, epsilon }, y) {
    const inner = elementCount(x.type.shape.slice(axis));
    for (let start = 0; start < x.data.length; start += inner) {
      let sum = 0;
      for (let i = 0; i < inner; i++) sum += x.data[start + i]!;
      const mean = sum / inner;
      let squares = 0;
      for (let i = 0; i < inner; i++) squares += (x.data[start + i]! - mean) ** 2;
      const factor = 1 / Math.sqrt(squares / inner + epsilon);
      for (let i = 0; i < inner; i++)
        y.data[start + i] = (x.data[start + i]! - mean) * factor * scale.data[i]! + bias.data[i]!;
    }
  },

  gradient(b, dy, { axis, epsilon }, { inputs: [x, scale] }) {
    const { shape } = x.type;
    const axes = shape.map((_, a) => a).filter((a) => a >= axis);
    const lead = shape.map((_, a) => a).filter((a) => a < axis);
    const share = b.value(1 / elementCount(shape.slice(axis)));
    const sumOf = (node: typeof dy, over: readonly number[], keepDims: boolean) =>
      b.reduce(node, { kind: 'sum', axes: over, keepDims });
    const meanOf = (node: typeof dy) => b.scalar('mul', sumOf(node, axes, true), share);
    const centred = b.scalar('sub', x, meanOf(x));
    const variance = meanOf(b.scalar('mul', centred, centred));
    const factor = b.scalar(
      'reciprocal',
      b.scalar('sqrt', b.scalar('add', variance, b.value(epsilon))),
    );
    const normal = b.scalar('mul', centred, factor);
    const scaled = b.scalar('mul', dy, scale);
    const along = b.scalar('mul', normal, meanOf(b.scalar('mul', scaled, normal)));
    const dx = b.scalar('sub', b.scalar('sub', scaled, meanOf(scaled)), along);
    return [
      b.scalar('mul', dx, factor),
      sumOf(b.scalar('mul', dy, normal), lead, false),
      sumOf(dy, lead, false),
    ];
  },

  channels: ({ axis }) => same(...Array.from({ length: axis }, (_, a) => a)),
  macs: () => 0,
});
