// The reference interpreter: a graph by its ops' plain loops. The oracle for every compiled program.

import { decompose } from './decompose.ts';
import { assert, badTensor } from './errors.ts';
import { countUses, type Graph, operands, splitInputs, topologicalOrder } from './graph.ts';
import { inferOp, opOf } from './infer.ts';
import type { Node, OpNode } from './node.ts';
import { applyScalar } from './ops/apply-scalar.ts';
import { allocate, elementCount, sameType, type Tensor } from './types.ts';

/**
 * The outputs of a graph, by name.
 *
 * @param inputs The graph's inputs, by name; others are ignored.
 * @throws {EspalierError} BAD_TENSOR, if an input is missing or of another type.
 */
export function evaluate(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  for (const { name, type } of graph.inputs) {
    const given = inputs[name];
    if (!given || !sameType(given.type, type) || given.data.length !== elementCount(type.shape))
      throw badTensor(name, type, given?.type);
  }
  const primitive = decompose(graph);
  const left = countUses(primitive);
  const values = new Map<Node, Tensor>();
  for (const node of topologicalOrder(primitive)) {
    values.set(node, compute(node, values, inputs));
    for (const input of operands(node)) {
      const readers = left.get(input)! - 1;
      left.set(input, readers);
      if (readers === 0) values.delete(input); // big networks do not fit otherwise
    }
  }
  return Object.fromEntries(
    primitive.outputs.map(({ name, node }) => [name, values.get(node)!] as const),
  );
}

/** The value of a node that depends on constants alone; `undefined` for any other. */
export function evaluateConstant(node: Node): Tensor | undefined {
  if (node.kind === 'constant') return node.value;
  const graph = { inputs: [], outputs: [{ name: 'value', node }] };
  if (topologicalOrder(graph).some(({ kind }) => kind === 'input')) return undefined;
  return evaluate(graph, {}).value;
}

function compute(
  node: Node,
  values: ReadonlyMap<Node, Tensor>,
  inputs: Readonly<Record<string, Tensor>>,
): Tensor {
  if (node.kind === 'input') return inputs[node.name]!;
  if (node.kind === 'constant') return node.value;
  return evaluateNode(
    node,
    node.inputs.map((input) => values.get(input)!),
  );
}

/** The result of one primitive, epilogue included, from the values of its operands. */
export function evaluateNode(node: OpNode, inputs: readonly Tensor[]): Tensor {
  const op = opOf(node.op);
  assert('evaluate' in op, `${node.op} is a primitive`);
  const { own } = splitInputs(node);
  const type = inferOp(
    node.op,
    own.map((input) => input.type),
    node.attrs,
  );
  const result: Tensor = { type, data: allocate(type) };
  op.evaluate(inputs.slice(0, own.length), node.attrs, result);
  if (!node.epilogue) return result;
  const output: Tensor = { type: node.type, data: allocate(node.type) };
  applyScalar(node.epilogue, [result, ...inputs.slice(own.length)], output);
  return output;
}
