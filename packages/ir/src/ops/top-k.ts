// Where the greatest or least elements along an axis are, in order: sorting, too.

import { same } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** How many, of which kind, along which axis. */
export interface TopKAttrs {
  readonly axis: number;
  /** At most the axis' extent; with all of it, this sorts. */
  readonly k: number;
  readonly largest: boolean;
}

/**
 * The indices along an axis of its `k` greatest or least elements, the extreme one first; of equal
 * elements the lower index comes first. NaN counts as the greatest. The elements themselves are
 * `gatherElements` of these indices.
 */
export const topK: Op<TopKAttrs, 1> = defineOp<TopKAttrs, 1>({
  name: 'topK',
  arity: 1,

  infer([x], { axis, k }) {
    expectDType('topK', x, 'f32', 'i32');
    expectAxis('topK', x, axis);
    if (!Number.isInteger(k) || k < 0 || k > x.shape[axis]!)
      throw badShape('topK', `${k} elements along axis ${axis} of ${showType(x)}`);
    return { dtype: 'i32', shape: x.shape.map((extent, a) => (a === axis ? k : extent)) };
  },

  evaluate([x], { axis, k, largest }, y) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    const sign = largest ? -1 : 1;
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (index: number) => x.data[(o * size + index) * inner + i]!;
        const order = Array.from({ length: size }, (_, index) => index);
        order.sort((a, b) => sign * compare(at(a), at(b)) || a - b);
        for (let rank = 0; rank < k; rank++) y.data[(o * k + rank) * inner + i] = order[rank]!;
      }
  },

  gradient: 'none', // a step function
  channels: ({ axis }, [x]) => same(...x.shape.map((_, a) => a).filter((a) => a !== axis)),
  macs: () => 0,
});

/** Ascending, NaN behind all numbers. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}
