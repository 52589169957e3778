// A graph is its named outputs and the inputs in the caller's order; everything else is reachable.

import type { InputNode, Node, OpNode } from './node.ts';
import { argumentsOf } from './ops/scalar.ts';

/** A result that the caller reads. */
export interface Output {
  readonly name: string;
  readonly node: Node;
}

/** A network. Immutable: passes make new graphs that share nodes with the old. */
export interface Graph {
  readonly inputs: readonly InputNode[];
  readonly outputs: readonly Output[];
}

/** The operands of a node; none for inputs and constants. */
export const operands = (node: Node): readonly Node[] => (node.kind === 'op' ? node.inputs : []);

/** The operands that the op itself takes, and the extra ones that its epilogue reads. */
export function splitInputs(node: Pick<OpNode, 'inputs' | 'epilogue'>): {
  readonly own: readonly Node[];
  readonly extras: readonly Node[];
} {
  // The epilogue reads each of its operands, so that its highest argument says how many there are.
  const extras = node.epilogue ? Math.max(0, ...argumentsOf(node.epilogue)) : 0;
  const first = node.inputs.length - extras;
  return { own: node.inputs.slice(0, first), extras: node.inputs.slice(first) };
}

/** Every node that the outputs need, operands before users, in a reproducible order. */
export function topologicalOrder(graph: Graph): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // Depth first with an explicit stack: exported networks are deep enough to overflow the real one.
  for (const { node: root } of graph.outputs) {
    const stack: { node: Node; next: number }[] = seen.has(root) ? [] : [{ node: root, next: 0 }];
    seen.add(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const operand = operands(top.node)[top.next++];
      if (operand === undefined) {
        order.push(top.node);
        stack.pop();
      } else if (!seen.has(operand)) {
        seen.add(operand);
        stack.push({ node: operand, next: 0 });
      }
    }
  }
  return order;
}

/** How many operands and outputs read each node. */
export function countUses(graph: Graph): Map<Node, number> {
  const uses = new Map<Node, number>();
  const count = (node: Node) => uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of topologicalOrder(graph)) operands(node).forEach(count);
  for (const { node } of graph.outputs) count(node);
  return uses;
}
