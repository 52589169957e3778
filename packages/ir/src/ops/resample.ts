// A sparse linear map along one axis: what every way of resizing comes down to.

import { same } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, sameShape, showType } from '../types.ts';
import { expectAxis, expectDType, expectRank } from './checks.ts';
import { alongAxis, tableMatrix } from './gradients.ts';
import { defineOp, type Op } from './op.ts';

/** The axis that changes. */
export interface ResampleAttrs {
  readonly axis: number;
}

/**
 * `y[…, o, …] = Σ_t weights[o, t] · x[…, indices[o, t], …]` along an axis. Indices and weights are
 * `[out, taps]`; an index outside the axis reads the nearest element.
 */
export const resample: Op<ResampleAttrs, 3> = defineOp<ResampleAttrs, 3>({
  name: 'resample',
  arity: 3,

  infer([x, indices, weights], { axis }) {
    expectDType('resample', x, 'f32');
    expectDType('resample', indices, 'i32');
    expectDType('resample', weights, 'f32');
    expectAxis('resample', x, axis);
    expectRank('resample', indices, 2);
    if (!sameShape(indices.shape, weights.shape))
      throw badShape('resample', `${showType(indices)} and ${showType(weights)} are one table`);
    if (x.shape[axis] === 0 && elementCount(indices.shape) > 0)
      throw badShape('resample', `axis ${axis} of ${showType(x)} has nothing to read`);
    return { dtype: 'f32', shape: x.shape.map((n, a) => (a === axis ? indices.shape[0]! : n)) };
  },

  evaluate([x, indices, weights], { axis }, y) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    const [out, taps] = [indices.type.shape[0]!, indices.type.shape[1]!];
    for (let o = 0; o < outer; o++)
      for (let to = 0; to < out; to++)
        for (let i = 0; i < inner; i++) {
          let sum = 0;
          for (let tap = to * taps; tap < (to + 1) * taps; tap++) {
            const index = Math.min(Math.max(indices.data[tap]!, 0), size - 1);
            sum += weights.data[tap]! * x.data[(o * size + index) * inner + i]!;
          }
          y.data[(o * out + to) * inner + i] = sum;
        }
  },

  gradient(b, dy, { axis }, { inputs: [x, indices, weights] }) {
    const matrix = tableMatrix(b, indices, weights, x.type.shape[axis]!);
    return [alongAxis(b, dy, matrix, axis), undefined, undefined];
  },

  channels: ({ axis }, [x]) => same(...x.shape.map((_, a) => a).filter((a) => a !== axis)),
  macs: (_, [, indices], y) => elementCount(y.shape) * indices.shape[1]!,
});
