// Elementwise work after a layer is done on its results while they are in registers.

import {
  type AttrsOf,
  arg,
  argumentsOf,
  countUses,
  type Graph,
  type Node,
  type OpNode,
  rebuild,
  type Scalar,
  sameShape,
  substitute,
  topologicalOrder,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

/** Ops whose kernels apply an epilogue. */
const carriers: readonly string[] = ['conv', 'convTranspose', 'linear', 'matmul'];

/** Extra operands have pointers of their own in the innermost loops. */
const maximumExtras = 3;

/** A linear layer sees rows only: its extra operands are as large as the result, or one row. */
const fits = (host: OpNode, extra: Node): boolean =>
  host.op !== 'linear' ||
  sameShape(extra.type.shape, host.type.shape) ||
  extra.type.shape.slice(0, -1).every((extent) => extent === 1);

const carries = (node: Node): node is OpNode =>
  node.kind === 'op' && carriers.includes(node.op) && !node.epilogue;

function fuse(graph: Graph): Graph {
  const uses = countUses(graph);
  const position = new Map(topologicalOrder(graph).map((node, i) => [node, i] as const));
  const host = new Map<Node, number>();
  for (const [node] of position) {
    if (node.kind !== 'op' || node.op !== 'map' || node.epilogue) continue;
    // The operand computed last: when it runs, the others are there already.
    const index = node.inputs.reduce((best, input, i) => {
      if (!carries(input) || uses.get(input) !== 1) return best;
      if (!sameShape(input.type.shape, node.type.shape)) return best;
      if (!node.inputs.every((other) => other === input || fits(input, other))) return best;
      return best < 0 || position.get(node.inputs[best]!)! < position.get(input)! ? i : best;
    }, -1);
    if (index >= 0 && node.inputs.length - 1 <= maximumExtras) host.set(node, index);
  }
  return rebuild(graph, (node, inputs, b) => {
    const index = host.get(node);
    const carrier = index === undefined ? undefined : inputs[index];
    if (node.kind !== 'op' || index === undefined || !carrier || !carries(carrier))
      return undefined;
    const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
    const extras: Node[] = [];
    const args = inputs.map((input, i): Scalar => {
      if (i === index) return arg(0);
      const known = extras.indexOf(input);
      return arg(1 + (known >= 0 ? known : extras.push(input) - 1));
    });
    const epilogue = substitute(expr, args);
    if (extras.some((_, i) => !argumentsOf(epilogue).has(i + 1))) return undefined;
    return b.withEpilogue(carrier, epilogue, extras);
  });
}

export const fuseEpilogues = definePass({
  name: 'fuse-epilogues',
  summary: 'Gives layers the elementwise ops that follow them as an epilogue.',
  run: fuse,
});
