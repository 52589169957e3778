// Goes through a network from layer to layer, over all inputs at once, so that weights may change on the way:
// every activation is computed once, and only those that are still needed are kept.

import {
  createBuilder,
  type Graph,
  type Node,
  type OpNode,
  splitInputs,
  type Tensor,
  topologicalOrder,
} from '@espalier/ir';
import { type Layer, type NewWeights, reweighted } from './layers.ts';
import { createRun, type Feeds } from './runner.ts';

/** What a layer reads for one input of the network. */
export interface Reading {
  readonly x: Tensor;
  /** What its epilogue reads. */
  readonly extras: readonly Tensor[];
}

/** A place in a network that moves forward only. */
export interface Walk {
  /** Moves to a layer, by its place among the layers: what it reads, for each input. */
  advance(index: number): readonly Reading[];
  /** Other weights for a layer that the walk has not passed. */
  replace(layer: Layer, weights: NewWeights): void;
}

/** Starts before the first layer of a graph. */
export function createWalk(graph: Graph, layers: readonly Layer[], inputs: readonly Feeds[]): Walk {
  const order = topologicalOrder(graph).filter((node) => node.kind === 'op');
  const place = new Map(order.map((node, i) => [node, i]));
  const lastUse = new Map<Node, number>();
  for (const [i, node] of order.entries()) for (const read of node.inputs) lastUse.set(read, i);
  const changed = new Map<Node, NewWeights>();
  const values = inputs.map(
    (feeds) => new Map<Node, Tensor>(graph.inputs.map((node) => [node, feeds[node.name]!])),
  );
  let at = 0;

  /** Computes what lies between two places. */
  function stretch(from: number, to: number): void {
    const inside = order.slice(from, to);
    const kept = inside.filter((node) => (lastUse.get(node) ?? -1) >= to);
    const { graph: part, reads } = cut(inside, kept, changed);
    if (kept.length > 0) {
      const run = createRun(part);
      for (const known of values) {
        const results = run(
          Object.fromEntries(reads.map((node, i) => [`x${i}`, known.get(node)!])),
        );
        for (const [i, node] of kept.entries()) known.set(node, results[`y${i}`]!);
      }
    }
    for (const known of values)
      for (const node of known.keys()) if ((lastUse.get(node) ?? -1) < to) known.delete(node);
  }

  return {
    advance(index) {
      const { node } = layers[index]!;
      const to = place.get(node)!;
      if (to > at) stretch(at, to);
      at = to;
      const { own, extras } = splitInputs(node);
      return values.map((known) => {
        const read = (value: Node): Tensor =>
          value.kind === 'constant' ? value.value : known.get(value)!;
        return { x: read(own[0]!), extras: extras.map(read) };
      });
    },
    replace: ({ node }, weights) => void changed.set(node, weights),
  };
}

/** Some nodes as a graph of their own: `y0`, `y1`, … of `x0`, `x1`, … */
function cut(
  inside: readonly OpNode[],
  kept: readonly Node[],
  changed: ReadonlyMap<Node, NewWeights>,
): { readonly graph: Graph; readonly reads: readonly Node[] } {
  const b = createBuilder();
  const became = new Map<Node, Node>();
  const reads: Node[] = [];
  const inputs: ReturnType<typeof b.input>[] = [];
  const operand = (node: Node): Node => {
    if (node.kind === 'constant') return node;
    const known = became.get(node);
    if (known) return known;
    const input = b.input(`x${reads.length}`, node.type);
    reads.push(node);
    inputs.push(input);
    became.set(node, input);
    return input;
  };
  for (const node of inside) {
    became.set(node, reweighted(b, node, node.inputs.map(operand), changed.get(node)));
  }
  const outputs = kept.map((node, i) => ({ name: `y${i}`, node: became.get(node)! }));
  return { graph: { inputs, outputs }, reads };
}
