// Gradients of a graph in reverse mode: op records say what flows through one op, this follows them.

import { type Builder, createBuilder } from './builder.ts';
import { type Graph, splitInputs, topologicalOrder } from './graph.ts';
import { opOf } from './infer.ts';
import type { Node, OpNode } from './node.ts';
import { rebuild } from './rebuild.ts';

/** A graph whose epilogues are nodes of their own. */
export interface Unfused {
  readonly graph: Graph;
  /** What each op of the graph before computes ahead of its epilogue; the op itself where it has none. */
  readonly sums: ReadonlyMap<OpNode, Node>;
}

/** Takes epilogues off their ops. */
export function unfuse(graph: Graph): Unfused {
  const sums = new Map<OpNode, Node>();
  const unfused = rebuild(graph, (node, inputs, b) => {
    if (node.kind !== 'op') return undefined;
    const { own } = splitInputs(node);
    const sum = b.apply(node.op, inputs.slice(0, own.length), node.attrs);
    sums.set(node, sum);
    if (!node.epilogue) return sum;
    return b.map([sum, ...inputs.slice(own.length)], { expr: node.epilogue });
  });
  return { graph: unfused, sums };
}

/**
 * The gradients of `Σ seed · value`, all of `seeds` together, at some nodes; a node through which nothing flows
 * is not in the result. Ops without a gradient (steps, indices) let nothing through.
 *
 * @param seeds For each value, a node of its shape.
 * @param wanted Nodes without epilogues on the way to them; so are all between (`unfuse`).
 */
export function differentiate(
  graph: Graph,
  seeds: ReadonlyMap<Node, Node>,
  wanted: readonly Node[],
  b: Builder = createBuilder(graph),
): ReadonlyMap<Node, Node> {
  const order = topologicalOrder(graph);
  const asked = new Set(wanted);
  const onTheWay = new Set<Node>();
  for (const node of order)
    if (asked.has(node) || (node.kind === 'op' && node.inputs.some((read) => onTheWay.has(read))))
      onTheWay.add(node);
  const gradients = new Map<Node, Node>();
  const flow = (to: Node, gradient: Node | undefined): void => {
    if (!gradient || !onTheWay.has(to)) return;
    const known = gradients.get(to);
    gradients.set(to, known ? b.scalar('add', known, gradient) : gradient);
  };
  for (const [node, seed] of seeds) flow(node, seed);
  for (const node of order.toReversed()) {
    const dy = gradients.get(node);
    if (!dy || node.kind !== 'op' || !node.inputs.some((read) => onTheWay.has(read))) continue;
    const { gradient: rule } = opOf(node.op);
    if (rule === 'none') continue;
    const forward = { inputs: node.inputs, output: node };
    for (const [i, gradient] of rule(b, dy, node.attrs, forward).entries())
      flow(node.inputs[i]!, gradient);
  }
  return new Map(
    wanted.flatMap((node): [Node, Node][] => {
      const gradient = gradients.get(node);
      return gradient ? [[node, gradient]] : [];
    }),
  );
}
