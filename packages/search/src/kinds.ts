// What rules go by: the operation of a layer, its window, and where in the network it stands.

import { type Graph, type Node, topologicalOrder } from '@espalier/ir';
import type { Layer } from './layers.ts';

/** What is known of a layer without looking at its weights. */
export interface Kind {
  readonly op: 'conv' | 'linear';
  /** R and S; 1 and 1 of a linear layer. */
  readonly window: readonly [number, number];
  /** Whether no layer with weights stands between it and an input. */
  readonly first: boolean;
  /** Whether it says the scores of classes: the last layer before an output that is a single row. */
  readonly classifier: boolean;
}

/** Whether an operation multiplies by weights. */
const weighs = (node: Node): boolean =>
  node.kind === 'op' &&
  node.inputs.slice(1).some(({ kind, type }) => {
    const wide = type.shape.filter((extent) => extent > 1).length > 1;
    return kind === 'constant' && wide;
  });

/** Kinds of layers, in their order. */
export function kindsOf(graph: Graph, layers: readonly Layer[]): Kind[] {
  const order = topologicalOrder(graph);
  // Values that some layer with weights has had a part in.
  const late = new Set<Node>();
  for (const node of order)
    if (node.kind === 'op' && (weighs(node) || node.inputs.some((input) => late.has(input))))
      late.add(node);
  // Values that reach a row of classes with no layer in between.
  const row = ({ type }: Node) => type.shape.filter((extent) => extent > 1).length <= 1;
  const final = new Set<Node>(graph.outputs.map(({ node }) => node).filter(row));
  for (const node of [...order].reverse())
    if (node.kind === 'op' && final.has(node) && !weighs(node))
      for (const input of node.inputs) final.add(input);
  return layers.map(({ node, window }) => ({
    op: node.op === 'linear' ? 'linear' : 'conv',
    window,
    first: !late.has(node.inputs[0]!),
    classifier: final.has(node),
  }));
}
