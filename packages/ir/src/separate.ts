// Constants that several ops read tie those ops together when a network is narrowed: each gets one of its own.

import { createBuilder } from './builder.ts';
import { type Graph, topologicalOrder } from './graph.ts';
import type { Node, OpNode } from './node.ts';

/** The same graph, in which no two ops read the same constant; their data are shared. */
export function separateConstants(graph: Graph): Graph {
  const taken = new Set<Node>();
  const became = new Map<Node, Node>();
  const b = createBuilder();
  const own = (node: Node): Node => {
    if (node.kind !== 'constant') return became.get(node)!;
    if (!taken.has(node)) {
      taken.add(node);
      return node;
    }
    // A builder makes equal constants once: one of another builder is another.
    return createBuilder().constant(node.value, node.name);
  };
  for (const node of topologicalOrder(graph)) {
    const changed: Node =
      node.kind === 'op'
        ? b.named(node.name).withInputs(node as OpNode, node.inputs.map(own))
        : node;
    became.set(node, changed);
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: became.get(node)! }));
  return { inputs: graph.inputs, outputs };
}
