// A constant of one element is part of the expression, not an operand.

import {
  type AttrsOf,
  arg,
  broadcastsTo,
  literal,
  rebuild,
  type Scalar,
  sameShape,
  substitute,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

export const inlineLiterals = definePass({
  name: 'inline-literals',
  summary: 'Moves constants of one element into the expressions of maps.',
  run: (graph) =>
    rebuild(graph, (node, inputs, b) => {
      if (node.kind !== 'op' || node.op !== 'map' || node.epilogue) return undefined;
      const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
      const args: Scalar[] = [];
      const kept: (typeof inputs)[number][] = [];
      for (const input of inputs) {
        const single = input.kind === 'constant' && input.value.data.length === 1;
        if (single) args.push(literal(input.value.data[0]!, input.type.dtype));
        else args.push(arg(kept.push(input) - 1));
      }
      // The shape must still come from the operands that are left.
      const shaped = kept.some((input) => sameShape(input.type.shape, node.type.shape));
      if (kept.length === inputs.length || !shaped) return undefined;
      if (!kept.every((input) => broadcastsTo(input.type.shape, node.type.shape))) return undefined;
      return b.map(kept, { expr: substitute(expr, args) });
    }),
});
