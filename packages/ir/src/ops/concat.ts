// Lays operands one after the other along an axis.

import { stacked } from '../channels.ts';
import { badDType, badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { elementCount, showType } from '../types.ts';
import { expectAxis } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** The axis along which operands are joined. */
export interface ConcatAttrs {
  readonly axis: number;
}

/** Joins operands that differ only along one axis. */
export const concat: Op<ConcatAttrs, 'many'> = defineOp<ConcatAttrs, 'many'>({
  name: 'concat',
  arity: 'many',

  infer(inputs, { axis }) {
    const [first, ...others] = inputs;
    if (!first) throw badShape('concat', 'nothing to join');
    expectAxis('concat', first, axis);
    for (const other of others) {
      if (other.dtype !== first.dtype)
        throw badDType('concat', `${showType(first)} and ${showType(other)}`);
      const fits =
        other.shape.length === first.shape.length &&
        other.shape.every((extent, a) => a === axis || extent === first.shape[a]);
      if (!fits)
        throw badShape('concat', `${showType(first)} and ${showType(other)} along axis ${axis}`);
    }
    const extent = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    return { dtype: first.dtype, shape: first.shape.map((n, a) => (a === axis ? extent : n)) };
  },

  evaluate(inputs, { axis }, y) {
    const outer = elementCount(y.type.shape.slice(0, axis));
    const runs = inputs.map(({ type }) => elementCount(type.shape.slice(axis)));
    let to = 0;
    for (let o = 0; o < outer; o++)
      inputs.forEach(({ data }, i) => {
        y.data.set(data.subarray(o * runs[i]!, (o + 1) * runs[i]!), to);
        to += runs[i]!;
      });
  },

  gradient(b, dy, { axis }, { inputs }) {
    let start = 0;
    return inputs.map((input): Node | undefined => {
      const starts = dy.type.shape.map((_, a) => (a === axis ? start : 0));
      start += input.type.shape[axis]!;
      if (input.type.dtype !== 'f32') return undefined;
      return b.slice(dy, { starts, sizes: input.type.shape, steps: starts.map(() => 1) });
    });
  },

  channels: ({ axis }, inputs) => stacked(inputs, axis),
  macs: () => 0,
});
