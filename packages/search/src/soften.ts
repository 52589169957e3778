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
import { moving, sigmoidOperand } from './agreement.ts';
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

/** A last decision, what it decides by, and the same decision over something else. */
interface Decision {
  readonly node: Node;
  readonly before: Node;
  over(operands: readonly Node[], factor: number, b: Builder): Node;
}

/** The graph whose last decisions are less sure. */
export function soften(graph: Graph, inputs: readonly Feeds[]): Rewritten {
  const b = createBuilder(graph);
  const decisions = decisionsOf(graph, b);
  const flatness = flatnessOf(graph, decisions.values(), inputs.slice(0, measured));
  const became = new Map<Node, Node>();
  const soft = rebuild(
    graph,
    (node, operands, b) => {
      const milder = decisions.get(node)?.over(operands, 1 / flatness.get(node)!, b);
      const now = milder ?? (node.kind === 'op' ? b.withInputs(node, operands) : node);
      became.set(node, now);
      return now;
    },
    b,
  );
  return { graph: soft, became };
}

/** The sigmoids and softmaxes that outputs show, moved about at most. */
function decisionsOf(graph: Graph, b: Builder): ReadonlyMap<Node, Decision> {
  const found = new Map<Node, Decision>();
  const find = (node: Node): void => {
    if (node.kind !== 'op') return;
    if (moving.includes(node.op)) node.inputs.forEach(find);
    const decision = node.op === 'softmax' ? softmaxAt(node) : sigmoidAt(node, b);
    if (decision) found.set(node, decision);
  };
  for (const { node } of graph.outputs) find(node);
  return found;
}

const softmaxAt = (node: OpNode): Decision => ({
  node,
  before: node.inputs[0]!,
  over: ([x], factor, b) =>
    b.softmax(b.scalar('mul', x!, b.value(factor)), node.attrs as AttrsOf<'softmax'>), // its op says so
});

function sigmoidAt(node: OpNode, b: Builder): Decision | undefined {
  const inner = node.op === 'map' ? sigmoidOperand((node.attrs as AttrsOf<'map'>).expr) : undefined; // its op says so
  if (!inner) return undefined;
  return {
    node,
    before: b.map(node.inputs, { expr: inner }),
    over: (operands, factor, b) =>
      b.map(operands, { expr: call('sigmoid', call('mul', inner, literal(factor))) }),
  };
}

/** How much flatter each decision becomes. */
function flatnessOf(
  graph: Graph,
  found: Iterable<Decision>,
  inputs: readonly Feeds[],
): ReadonlyMap<Node, number> {
  const decisions = [...found];
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
