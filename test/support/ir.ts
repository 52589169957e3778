// Verbs over graphs: a pass is tested by text before and after, an op by what it infers.

import {
  evaluate,
  type Graph,
  inferOp,
  type Node,
  type OpName,
  operands,
  parse,
  print,
  type Rule,
  randomTensor,
  rewrite,
  showAttrs,
  showScalar,
  showType,
  type Tensor,
  type TensorType,
  topologicalOrder,
  verify,
} from '@espalier/ir';
import type { Test } from 'tap';
import { closeTo, typeOf } from './tensors.ts';

/** What makes a graph of a graph: the rules of a pass, or a function. */
export type Step = { readonly rules: readonly Rule[] } | ((graph: Graph) => Graph);

const apply = (step: Step, graph: Graph): Graph =>
  typeof step === 'function' ? step(graph) : rewrite(graph, step.rules);

/**
 * A test that a step turns `before` into `after`, computing the same. The texts are compared without
 * the names of inner values and the contents of constants, which `after` may leave out.
 *
 * @param tolerance Of the results, by the element; rewriting may change the order of sums.
 */
export const rewrites =
  (step: Step, before: string, after: string, tolerance = 1e-5) =>
  async (t: Test): Promise<void> => {
    const graph = parse(before);
    const actual = apply(step, graph);
    t.doesNotThrow(() => verify(actual), 'what it makes is well formed');
    t.equal(skeleton(actual), skeleton(parse(after)), 'it makes the graph that is expected');
    computesTheSame(t, graph, actual, tolerance);
  };

/** A test that a step leaves a graph as it is. */
export const leaves =
  (step: Step, text: string) =>
  async (t: Test): Promise<void> => {
    const graph = parse(text);
    t.equal(print(apply(step, graph)), print(graph), 'the graph is what it was');
  };

/** Asserts that two graphs give the same on random inputs. */
export function computesTheSame(t: Test, a: Graph, b: Graph, tolerance: number): void {
  const inputs = randomInputs(a, 1);
  const expected = evaluate(a, inputs);
  const actual = evaluate(b, inputs);
  for (const { name } of a.outputs)
    closeTo(t, actual[name]!, expected[name]!, tolerance, `output ${name}`);
}

/** Random values for the inputs of a graph, by name. */
export const randomInputs = (graph: Graph, seed: number): Record<string, Tensor> =>
  Object.fromEntries(
    graph.inputs.map(({ name, type }, i) => [name, randomTensor(type, seed + i)] as const),
  );

/** What an op of the table infers from the types of its operands, written as text. */
export const infer = (
  op: { readonly name: string },
  inputs: readonly string[],
  attrs: object = {},
): TensorType => inferOp(op.name as OpName, inputs.map(typeOf), attrs);

/** The text of a graph with values numbered, and of constants the type only. */
export function skeleton(graph: Graph): string {
  const names = new Map<Node, string>();
  const name = (node: Node): string => names.get(node) ?? `%${names.size}`;
  const lines: string[] = [];
  for (const node of topologicalOrder(graph)) {
    if (node.kind !== 'op') {
      names.set(node, node.kind === 'input' ? node.name : showType(node.type));
      continue;
    }
    const epilogue = node.epilogue ? ` then ${showScalar(node.epilogue)}` : '';
    const inputs = operands(node).map(name).join(', ');
    const own = name(node);
    names.set(node, own);
    lines.push(`${own} = ${node.op}(${inputs}) ${showAttrs(node.attrs)}${epilogue}`);
  }
  const outputs = graph.outputs.map(({ name: output, node }) => `${output}: ${name(node)}`);
  return [...lines, `return ${outputs.join(', ')}`].join('\n');
}
