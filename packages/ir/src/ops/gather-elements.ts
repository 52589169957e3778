// Picks elements one by one, each along the same axis.

import type { Builder } from '../builder.ts';
import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { elementCount, rowMajorStrides, type Shape, showType } from '../types.ts';
import { expectAxis, expectDType, expectRank } from './checks.ts';
import { iota, total } from './iota.ts';
import { defineOp, type Op } from './op.ts';

/** The axis to pick along. */
export interface GatherElementsAttrs {
  readonly axis: number;
}

/**
 * `y[i, j, k] = x[i, indices[i, j, k], k]` for axis 1, in the shape of `indices`, which is at most as large as
 * `x` along all other axes. An index outside the axis reads the nearest element.
 */
export const gatherElements: Op<GatherElementsAttrs, 2> = defineOp<GatherElementsAttrs, 2>({
  name: 'gatherElements',
  arity: 2,

  infer([x, indices], { axis }) {
    expectDType('gatherElements', indices, 'i32');
    expectAxis('gatherElements', x, axis);
    expectRank('gatherElements', indices, x.shape.length);
    const fits = indices.shape.every((extent, a) => a === axis || extent <= x.shape[a]!);
    if (!fits || (x.shape[axis] === 0 && elementCount(indices.shape) > 0))
      throw badShape('gatherElements', `${showType(indices)} along axis ${axis} of ${showType(x)}`);
    return { dtype: x.dtype, shape: indices.shape };
  },

  decompose(b, [x, indices], { axis }) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const last = b.value(Math.max(0, size - 1), 'i32');
    const inside = b.scalar('min', b.scalar('max', indices, b.value(0, 'i32')), last);
    const flat = b.reshape(x, { shape: [elementCount(shape)] });
    return b.gather(flat, flatPlaces(b, inside, shape, axis), { axis: 0 });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => barrier,
  macs: () => 0,
});

/**
 * Row-major places in a tensor of `shape` of the elements whose index is `indices` along `axis`, and along all
 * other axes that of the element of `indices` itself.
 */
export function flatPlaces(b: Builder, indices: Node, shape: Shape, axis: number): Node {
  const strides = rowMajorStrides(shape);
  const own = b.scalar('mul', indices, b.value(strides[axis]!, 'i32'));
  const others = indices.type.shape.flatMap((extent, a) =>
    a === axis || extent <= 1 ? [] : [iota(b, extent, a, shape.length, strides[a]!)],
  );
  return total(b, [own, ...others]);
}
