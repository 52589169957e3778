// Joins operands: each is copied into its part of the result.

import { type AttrsOf, splitInputs } from '@espalier/ir';
import { sliced } from '../../../plan/strides.ts';
import type { Kernel } from '../kernel.ts';
import { emitCopy } from './copy.ts';

/** Copies operands next to each other. */
export const concat: Kernel = {
  name: 'concat',

  lower({ node, input, output, emit }) {
    const { axis } = node.attrs as AttrsOf<'concat'>; // its op says so
    const steps = output.shape.map(() => 1);
    let start = 0;
    splitInputs(node).own.forEach(({ type: { shape } }, i) => {
      const starts = shape.map((_, a) => (a === axis ? start : 0));
      start += shape[axis]!;
      emitCopy(emit, input(i), sliced(output, starts, shape, steps), `concat ${node.name}`);
    });
  },
};
