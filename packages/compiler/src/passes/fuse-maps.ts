// A map of a map is one map: nothing is written between them.

import {
  type AttrsOf,
  arg,
  argumentsOf,
  countUses,
  type Graph,
  type Node,
  rebuild,
  type Scalar,
  sameShape,
  substitute,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

/** Pointers to more operands than this no longer fit into registers. */
const maximumOperands = 8;

/** Calls in an expression; a long one that is read twice is not worth computing twice. */
const size = (expr: Scalar): number =>
  expr.kind === 'call' ? 1 + expr.args.reduce((sum, part) => sum + size(part), 0) : 0;

const occurrences = (expr: Scalar, index: number): number => {
  if (expr.kind === 'arg') return expr.index === index ? 1 : 0;
  if (expr.kind === 'literal') return 0;
  return expr.args.reduce((sum, part) => sum + occurrences(part, index), 0);
};

/** Expressions are trees: without a bound, a chain of maps that read their operand twice is 2ⁿ large. */
const maximumSize = 256;

/** Whether a map takes the expression of an operand into its own. */
function fits(inner: Scalar, expr: Scalar, index: number): boolean {
  const times = occurrences(expr, index);
  // The emitter computes equal sub-expressions once, so that repeats cost code size only.
  return (times === 1 || size(inner) <= 8) && size(expr) + times * size(inner) <= maximumSize;
}

function fuse(graph: Graph): Graph {
  const uses = countUses(graph);
  // Decided on the graph as it is, where the counts are exact; made over what became of the operands.
  return rebuild(graph, (node, inputs, b) => {
    if (node.kind !== 'op' || node.op !== 'map' || node.epilogue) return undefined;
    const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
    const operands: Node[] = [];
    const add = (operand: Node) => {
      const known = operands.indexOf(operand);
      return arg(known >= 0 ? known : operands.push(operand) - 1);
    };
    let fused = false;
    const args = inputs.map((input, index): Scalar => {
      if (input.kind !== 'op' || input.op !== 'map' || input.epilogue) return add(input);
      // Nobody else reads it, and it is not repeated to a larger shape.
      if (uses.get(node.inputs[index]!) !== 1 || !sameShape(input.type.shape, node.type.shape))
        return add(input);
      const inner = (input.attrs as AttrsOf<'map'>).expr; // its op says so
      if (!fits(inner, expr, index)) return add(input);
      if (operands.length + inputs.length + input.inputs.length > maximumOperands)
        return add(input);
      fused = true;
      return substitute(inner, input.inputs.map(add));
    });
    if (!fused && operands.length === inputs.length) return undefined;
    const merged = substitute(expr, args);
    if (argumentsOf(merged).size !== operands.length) return undefined;
    return b.map(operands, { expr: merged });
  });
}

export const fuseMaps = definePass({
  name: 'fuse-maps',
  summary: 'Merges chains of elementwise ops into one map.',
  run: fuse,
});
