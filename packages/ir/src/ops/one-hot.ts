// Indices as rows of zeros with a single one.

import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import { expectDType } from './checks.ts';
import { iota } from './iota.ts';
import { defineOp, type Op } from './op.ts';

/** How long the new axis is, and where it goes. */
export interface OneHotAttrs {
  readonly depth: number;
  /** The position of the new axis in the result. */
  readonly axis: number;
}

/** A new axis that is true where its index equals the operand's element; false throughout for an index outside. */
export const oneHot: Op<OneHotAttrs, 1> = defineOp<OneHotAttrs, 1>({
  name: 'oneHot',
  arity: 1,

  infer([indices], { depth, axis }) {
    expectDType('oneHot', indices, 'i32');
    const { shape } = indices;
    if (!Number.isInteger(depth) || depth < 0) throw badShape('oneHot', `depth ${depth}`);
    if (!Number.isInteger(axis) || axis < 0 || axis > shape.length)
      throw badShape('oneHot', `axis ${axis} of a result of rank ${shape.length + 1}`);
    return { dtype: 'bool', shape: shape.toSpliced(axis, 0, depth) };
  },

  decompose(b, [indices], { depth, axis }) {
    const { shape } = indices.type;
    const wide = b.reshape(indices, { shape: shape.toSpliced(axis, 0, 1) });
    return b.scalar('eq', wide, iota(b, depth, axis, shape.length + 1));
  },

  gradient: 'none', // a step function
  channels: () => barrier,
  macs: () => 0,
});
