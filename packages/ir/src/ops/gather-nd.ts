// Picks slices by indices of several axes at once.

import type { Builder } from '../builder.ts';
import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { elementCount, rowMajorStrides, type Shape, showType } from '../types.ts';
import { expectDType } from './checks.ts';
import { iota, total } from './iota.ts';
import { defineOp, type Op } from './op.ts';

/** How many leading axes are shared. */
export interface GatherNdAttrs {
  /** Leading axes that `x` and `indices` have in common; 0 if none. */
  readonly batchDims: number;
}

/**
 * Slices of `x` `[B…, D1 … Dm, …]` at `indices` `[B…, I…, m]`, to `[B…, I…, …]`. An index outside its axis reads
 * the nearest slice.
 */
export const gatherNd: Op<GatherNdAttrs, 2> = defineOp<GatherNdAttrs, 2>({
  name: 'gatherNd',
  arity: 2,

  infer([x, indices], { batchDims }) {
    expectDType('gatherNd', indices, 'i32');
    const depth = indices.shape.at(-1);
    const shared = indices.shape.slice(0, batchDims);
    if (
      depth === undefined ||
      !Number.isInteger(batchDims) ||
      batchDims < 0 ||
      batchDims >= indices.shape.length ||
      batchDims + depth > x.shape.length ||
      shared.some((extent, axis) => extent !== x.shape[axis])
    )
      throw badShape('gatherNd', `${showType(indices)} picks from ${showType(x)}`);
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batchDims + depth)];
    if (elementCount(x.shape) === 0 && elementCount(shape) > 0)
      throw badShape('gatherNd', `${showType(x)} has nothing to pick`);
    return { dtype: x.dtype, shape };
  },

  decompose(b, [x, indices], { batchDims }) {
    const depth = indices.type.shape.at(-1)!;
    const picked = x.type.shape.slice(batchDims, batchDims + depth);
    const rest = x.type.shape.slice(batchDims + depth);
    const batches = x.type.shape.slice(0, batchDims);
    const rows = elementCount(batches) * elementCount(picked);
    const within = slicePlaces(b, indices, picked, 'nearest');
    const rank = within.type.shape.length;
    const strides = rowMajorStrides(batches);
    const starts = batches.map((extent, axis) =>
      iota(b, extent, axis, rank, strides[axis]! * elementCount(picked)),
    );
    const table = b.reshape(x, { shape: [rows, ...rest] });
    return b.gather(table, total(b, [within, ...starts]), { axis: 0 });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => barrier,
  macs: () => 0,
});

/**
 * Row-major places of `indices` `[…, m]` in axes of the extents `shape` `[m]`, to `[…]`. Indices outside their
 * axis stand for the nearest, or give a place that is outside too.
 */
export function slicePlaces(
  b: Builder,
  indices: Node,
  shape: Shape,
  beyond: 'nearest' | 'outside',
): Node {
  const lead = indices.type.shape.slice(0, -1);
  const strides = rowMajorStrides(shape);
  if (shape.length === 0) return b.expand(b.value(0, 'i32'), { shape: lead });
  const zero = b.value(0, 'i32');
  const columns = shape.map((_, axis) => {
    const column = b.slice(indices, {
      starts: [...lead.map(() => 0), axis],
      sizes: [...lead, 1],
      steps: [...lead.map(() => 1), 1],
    });
    return b.reshape(column, { shape: lead });
  });
  const clamped = columns.map((column, axis) => {
    const last = b.value(Math.max(0, shape[axis]! - 1), 'i32');
    return b.scalar('min', b.scalar('max', column, zero), last);
  });
  const places = total(
    b,
    clamped.map((column, axis) => b.scalar('mul', column, b.value(strides[axis]!, 'i32'))),
  );
  if (beyond === 'nearest') return places;
  const inside = columns
    .map((column, axis) => b.scalar('eq', column, clamped[axis]!))
    .reduce((all, one) => b.scalar('and', all, one));
  return b.scalar('select', inside, places, b.value(-1, 'i32'));
}
