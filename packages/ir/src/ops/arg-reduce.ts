// Where along an axis the extreme element is.

import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { reduce } from './reduce.ts';

/** Which extreme, and along which axis. */
export interface ArgReduceAttrs {
  readonly kind: 'max' | 'min';
  readonly axis: number;
  /** Whether the axis stays, with extent 1. */
  readonly keepDims: boolean;
  /** Which of equal extremes is named. */
  readonly pick: 'first' | 'last';
}

/**
 * The index of the greatest or least element along an axis, as i32. A NaN is neither, unless it comes
 * first.
 */
export const argReduce: Op<ArgReduceAttrs, 1> = defineOp<ArgReduceAttrs, 1>({
  name: 'argReduce',
  arity: 1,

  infer([x], { axis, keepDims }) {
    expectDType('argReduce', x, 'f32', 'i32');
    expectAxis('argReduce', x, axis);
    if (x.shape[axis] === 0)
      throw badShape('argReduce', `axis ${axis} of ${showType(x)} has nothing to pick`);
    const shape = x.shape.flatMap((extent, a) => (a === axis ? (keepDims ? [1] : []) : [extent]));
    return { dtype: 'i32', shape };
  },

  evaluate([x], { kind, axis, pick }, y) {
    const { shape } = x.type;
    const size = shape[axis]!;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    const better = (a: number, b: number) => (kind === 'max' ? a > b : a < b);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const element = (at: number) => x.data[(o * size + at) * inner + i]!;
        let best = 0;
        for (let at = 1; at < size; at++) {
          const tied = pick === 'last' && element(at) === element(best);
          if (tied || better(element(at), element(best))) best = at;
        }
        y.data[o * inner + i] = best;
      }
  },

  gradient: 'none', // a step function
  channels: ({ axis, keepDims }, [x], y) =>
    reduce.channels({ kind: 'max', axes: [axis], keepDims }, [x], y),
  macs: () => 0,
});
