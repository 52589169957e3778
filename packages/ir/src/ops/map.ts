// Elementwise work of any kind: one op, whose meaning is a scalar expression.

import { elementwise } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import type { Shape, TensorType } from '../types.ts';
import { applyScalar } from './apply-scalar.ts';
import { unbroadcast } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { arg, call, differentiateScalar, inferScalar, type Scalar } from './scalar.ts';

/** What is done to each element. */
export interface MapAttrs {
  /** Over the operands as arguments 0, 1, …. */
  readonly expr: Scalar;
}

/** numpy's broadcasting of any number of shapes. */
export function broadcastShapes(op: string, types: readonly TensorType[]): Shape {
  const rank = Math.max(...types.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let extent = 1;
    for (const { shape } of types) {
      const own = shape[axis - (rank - shape.length)] ?? 1;
      if (own !== 1 && extent !== 1 && own !== extent)
        throw badShape(op, `${types.map((t) => `[${t.shape}]`).join(' and ')} do not broadcast`);
      if (own !== 1) extent = own;
    }
    return extent;
  });
}

/** Applies a scalar expression to operands that broadcast as numpy does. */
export const map: Op<MapAttrs, 'many'> = defineOp<MapAttrs, 'many'>({
  name: 'map',
  arity: 'many',

  infer: (inputs, { expr }) => ({
    dtype: inferScalar(
      expr,
      inputs.map(({ dtype }) => dtype),
    ),
    shape: broadcastShapes('map', inputs),
  }),

  evaluate: (inputs, { expr }, y) => applyScalar(expr, inputs, y),

  gradient: (b, dy, { expr }, { inputs }) =>
    inputs.map((input, index): Node | undefined => {
      const slope = differentiateScalar(expr, index);
      if (input.type.dtype !== 'f32' || (slope.kind === 'literal' && slope.value === 0))
        return undefined;
      const product = call('mul', slope, arg(inputs.length));
      return unbroadcast(b, b.map([...inputs, dy], { expr: product }), input.type.shape);
    }),

  channels: (_, inputs, output) => elementwise(inputs, output),
  macs: () => 0,
});
