// Decisions made milder: the last sigmoids and softmaxes of a graph with flatter slopes, since what pruning does to
// a sure decision is more than its own slope can tell.

import {
  type AttrsOf,
  type Builder,
  call,
  createBuilder,
  type Graph,
  literal,
  type Node,
  type OpNode,
  rebuild,
} from '@espalier/ir';
import { moving } from './agreement.ts';
import { createRun, type Feeds } from './runner.ts';

/** A graph, and what became of the nodes of another. */
export interface Rewritten {
  readonly graph: Graph;
  readonly became: ReadonlyMap<Node, Node>;
}

/** Decisions are at least so much flatter, */
const leastFlatter = 2;
/** and see values of this root mean square at most: some networks are sure of all. */
const mostRms = 4;
/** Inputs on which that is measured. */
const measured = 4;

/** A last decision, and what it decides by. */
interface Decision {
  readonly node: OpNode;
  readonly before: Node;
}

/** The graph whose last decisions are less sure. */
export function soften(graph: Graph, inputs: readonly Feeds[]): Rewritten {
  const b = createBuilder(graph);
  const decisions = decisionsOf(graph, b);
  const flatness = flatnessOf(graph, decisions, inputs.slice(0, measured));
  const became = new Map<Node, Node>();
  const soft = rebuild(
    graph,
    (node, operands, b) => {
      const factor = flatness.get(node);
      const now =
        factor !== undefined && node.kind === 'op'
          ? flattened(node, operands, factor, b)
          : node.kind === 'op'
            ? b.withInputs(node, operands)
            : node;
      became.set(node, now);
      return now;
    },
    b,
  );
  return { graph: soft, became };
}

/** The sigmoids and softmaxes that outputs show, moved about at most. */
function decisionsOf(graph: Graph, b: Builder): Decision[] {
  const found = new Map<Node, Decision>();
  const find = (node: Node): void => {
    if (node.kind !== 'op') return;
    if (moving.includes(node.op)) node.inputs.forEach(find);
    else if (node.op === 'softmax') found.set(node, { node, before: node.inputs[0]! });
    else if (node.op === 'map') {
      const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
      if (expr.kind === 'call' && expr.fn === 'sigmoid')
        found.set(node, { node, before: b.map(node.inputs, { expr: expr.args[0]! }) });
    }
  };
  for (const { node } of graph.outputs) find(node);
  return [...found.values()];
}

/** How much flatter each decision becomes. */
function flatnessOf(
  graph: Graph,
  decisions: readonly Decision[],
  inputs: readonly Feeds[],
): ReadonlyMap<Node, number> {
  if (decisions.length === 0) return new Map();
  const outputs = decisions.map(({ before }, i) => ({ name: `${i}`, node: before }));
  const seen = inputs.map(createRun({ inputs: graph.inputs, outputs }));
  return new Map(
    decisions.map(({ node }, i) => {
      let [squares, count] = [0, 0];
      for (const all of seen)
        for (const value of all[`${i}`]!.data) {
          squares += value ** 2;
          count++;
        }
      const rms = Math.sqrt(squares / count);
      return [node, Number.isFinite(rms) ? Math.max(leastFlatter, rms / mostRms) : leastFlatter];
    }),
  );
}

/** A decision over a part of its operand. */
function flattened(node: OpNode, operands: readonly Node[], factor: number, b: Builder): Node {
  if (node.op === 'softmax') {
    const [x] = operands as [Node];
    const attrs = node.attrs as AttrsOf<'softmax'>; // its op says so
    return b.softmax(b.scalar('mul', x, b.value(1 / factor)), attrs);
  }
  const { expr } = node.attrs as AttrsOf<'map'>; // all decisions that are no softmax are maps
  const [inner] = expr.kind === 'call' ? expr.args : [];
  return b.map(operands, { expr: call('sigmoid', call('mul', inner!, literal(1 / factor))) });
}
