// Whole-graph passes: every node visited once, operands first, and made again where they changed.

import { type Builder, createBuilder } from './builder.ts';
import { assert } from './errors.ts';
import { type Graph, operands, topologicalOrder } from './graph.ts';
import type { Node } from './node.ts';
import { sameType, showType } from './types.ts';

/**
 * What becomes of a node: `inputs` are what its operands have become. `undefined` keeps it, over the
 * new operands.
 */
export type Visit = (node: Node, inputs: readonly Node[], b: Builder) => Node | undefined;

/**
 * The graph with every node replaced by what `visit` makes of it. Nodes that nothing changes stay
 * the same objects; inputs and outputs keep names and order.
 */
export function rebuild(graph: Graph, visit: Visit, b: Builder = createBuilder(graph)): Graph {
  const became = new Map<Node, Node>();
  for (const node of topologicalOrder(graph)) {
    const inputs = operands(node).map((input) => became.get(input)!);
    const replacement =
      visit(node, inputs, b.named(node.name)) ??
      (node.kind === 'op' ? b.withInputs(node, inputs) : node);
    assert(
      sameType(replacement.type, node.type),
      `${node.name} of ${showType(node.type)} is not replaced by ${showType(replacement.type)}`,
    );
    became.set(node, replacement);
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: became.get(node)! }));
  return { inputs: graph.inputs, outputs };
}
