// Joins operands: each is copied into its part of the result, unless it was written there.

import { type AttrsOf, splitInputs } from '@espalier/ir';
import { sliced } from '../../../plan/strides.ts';
import type { View } from '../../../plan/view.ts';
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
      const part = sliced(output, starts, shape, steps);
      if (!isAt(input(i), part)) emitCopy(emit, input(i), part, `concat ${node.name}`);
    });
  },
};

/** Whether a view is the other. */
const isAt = (view: View, { address, strides }: View): boolean =>
  view.address.buffer === address.buffer &&
  view.address.byteOffset === address.byteOffset &&
  view.strides.every((step, axis) => step === strides[axis]);
