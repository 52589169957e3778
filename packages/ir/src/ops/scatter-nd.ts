// Writes slices at places that indices of several axes name.

import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, sameShape, showType } from '../types.ts';
import { expectDType } from './checks.ts';
import { slicePlaces } from './gather-nd.ts';
import { defineOp, type Op } from './op.ts';
import { type ScatterAttrs, scatter } from './scatter.ts';

/**
 * `x` `[D1 … Dm, …]` with updates `[I…, …]` combined into its slices at `indices` `[I…, m]`, in row-major order.
 * Indices outside of `x` are passed over.
 */
export const scatterNd: Op<ScatterAttrs, 3> = defineOp<ScatterAttrs, 3>({
  name: 'scatterNd',
  arity: 3,

  infer([x, indices, updates], { kind }) {
    expectDType('scatterNd', indices, 'i32');
    const depth = indices.shape.at(-1);
    if (depth === undefined || depth > x.shape.length)
      throw badShape('scatterNd', `${showType(indices)} into ${showType(x)}`);
    const slices = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
    if (!sameShape(updates.shape, slices))
      throw badShape('scatterNd', `${showType(updates)} at ${showType(indices)} of ${showType(x)}`);
    const row = { dtype: x.dtype, shape: [1] };
    scatter.infer([row, { dtype: 'i32', shape: [1] }, { ...updates, shape: [1] }], { kind });
    return x;
  },

  decompose(b, [x, indices, updates], { kind }) {
    const { shape } = x.type;
    const depth = indices.type.shape.at(-1)!;
    const rest = shape.slice(depth);
    const count = elementCount(indices.type.shape.slice(0, -1));
    const places = slicePlaces(b, indices, shape.slice(0, depth), 'outside');
    const table = b.reshape(x, { shape: [elementCount(shape.slice(0, depth)), ...rest] });
    const result = b.scatter(
      table,
      b.reshape(places, { shape: [count] }),
      b.reshape(updates, { shape: [count, ...rest] }),
      { kind },
    );
    return b.reshape(result, { shape });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => barrier,
  macs: () => 0,
});
