// The one driver of rewrite rules: bottom-up, to a fixed point, each step whole or not at all.

import { type Builder, createBuilder } from './builder.ts';
import { assert } from './errors.ts';
import { countUses, type Graph, operands, topologicalOrder } from './graph.ts';
import type { Node, OpNode } from './node.ts';
import { type Match, match, type Pattern } from './pattern.ts';
import { sameType, showType } from './types.ts';

/** One rewriting, named by what it does: `'batchNorm(conv) -> conv'`. */
export interface Rule {
  readonly name: string;
  readonly pattern: Pattern;
  /** The node that takes the place of the matched one, or `undefined` to leave it. */
  build(m: Match, b: Builder): Node | undefined;
}

/** A rule: what `pattern` matches becomes what `build` returns. */
export const rule = (name: string, pattern: Pattern, build: Rule['build']): Rule => ({
  name,
  pattern,
  build,
});

/** Sweeps after which rules are taken to undo each other. */
const maximumSweeps = 1000;

/** The graph after every rule has been applied until none matches. Names of results are kept. */
export function rewrite(graph: Graph, rules: readonly Rule[]): Graph {
  const b = createBuilder(graph);
  let current = graph;
  let applied = '';
  for (let sweeps = 0; sweeps < maximumSweeps; sweeps++) {
    const replacements = matchAll(current, rules, b);
    if (replacements.size === 0) return current;
    current = replaceAll(current, replacements, b);
    applied = [...new Set([...replacements.values()].map(({ by }) => by))].join("', '");
  }
  assert(false, `the rules settle, and '${applied}' do not undo each other`);
}

interface Replacement {
  readonly node: Node;
  readonly by: string;
}

/** One sweep of matches over the graph as it is, so that the counts behind `once` are exact. */
function matchAll(graph: Graph, rules: readonly Rule[], b: Builder): Map<Node, Replacement> {
  const uses = countUses(graph);
  const replacements = new Map<Node, Replacement>();
  for (const node of topologicalOrder(graph)) {
    if (node.kind !== 'op') continue;
    const replacement = firstOf(rules, node, uses, replacements, b);
    if (replacement) replacements.set(node, replacement);
  }
  return replacements;
}

function firstOf(
  rules: readonly Rule[],
  node: OpNode,
  uses: ReadonlyMap<Node, number>,
  replacements: ReadonlyMap<Node, Replacement>,
  b: Builder,
): Replacement | undefined {
  for (const { name, pattern, build } of rules) {
    const found = match(pattern, node, uses);
    // A match inside which this sweep has already rewritten waits, so that inner rules win.
    if (!found || found.matched.some((inner) => replacements.has(inner))) continue;
    const made = build(found, b.named(node.name));
    if (!made || made === node) continue;
    assert(
      sameType(made.type, node.type),
      `'${name}' keeps ${showType(node.type)} of ${node.name}, not ${showType(made.type)}`,
    );
    return { node: made, by: name };
  }
  return undefined;
}

function replaceAll(graph: Graph, replacements: ReadonlyMap<Node, Replacement>, b: Builder): Graph {
  const became = new Map<Node, Node>();

  // Operands of a replacement are of the graph, and so settled before it, or new and few.
  function settle(node: Node): Node {
    const known = became.get(node);
    if (known) return known;
    if (node.kind !== 'op') return node;
    const settled = b.withInputs(node, operands(node).map(settle));
    became.set(node, settled);
    return settled;
  }

  for (const node of topologicalOrder(graph)) {
    const replacement = replacements.get(node);
    became.set(node, settle(replacement?.node ?? node));
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: became.get(node)! }));
  return { inputs: graph.inputs, outputs };
}
