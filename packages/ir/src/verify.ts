// The verifier: what every pass may assume of a graph, checked.

import { assert } from './errors.ts';
import { type Graph, operands, splitInputs, topologicalOrder } from './graph.ts';
import { inferEpilogue, inferOp } from './infer.ts';
import type { Node, OpNode } from './node.ts';
import { ops } from './ops/index.ts';
import { allocate, elementCount, sameType, showType, type TensorType } from './types.ts';

/**
 * Checks that types are what the ops infer, that constants hold as many elements as they say, that
 * operands are made before their users, and that inputs and outputs have names of their own.
 * A graph that fails was made by a bug, and the error names the node.
 */
export function verify(graph: Graph): void {
  unique(
    'inputs',
    graph.inputs.map(({ name }) => name),
  );
  unique(
    'outputs',
    graph.outputs.map(({ name }) => name),
  );
  const declared = new Set<Node>(graph.inputs);
  for (const node of topologicalOrder(graph)) {
    const place = `${node.name} (${node.kind === 'op' ? node.op : node.kind})`;
    for (const operand of operands(node))
      assert(operand.id < node.id, `${place} is made after its operand ${operand.name}`);
    if (node.kind === 'input') assert(declared.has(node), `${place} is among the graph's inputs`);
    if (node.kind === 'constant') verifyConstant(place, node.type, node.value);
    if (node.kind === 'op') verifyOp(place, node);
  }
}

function unique(what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    assert(!seen.has(name), `${what} have names of their own, but two are ${name}`);
    seen.add(name);
  }
}

function verifyConstant(
  place: string,
  type: TensorType,
  value: { readonly type: TensorType; readonly data: ArrayLike<number> },
): void {
  assert(sameType(type, value.type), `${place} is ${showType(type)}, as its value is`);
  const { length } = value.data;
  assert(
    length === elementCount(type.shape),
    `${place} of ${showType(type)} holds as many elements, not ${length}`,
  );
  const { constructor: array } = allocate({ dtype: type.dtype, shape: [0] });
  assert(value.data.constructor === array, `${place} holds its elements as ${type.dtype}`);
}

function verifyOp(place: string, node: OpNode): void {
  assert(Object.hasOwn(ops, node.op), `${place} is in the table of ops`);
  const inferred = inferAt(place, node);
  assert(
    sameType(inferred, node.type),
    `${place} is ${showType(inferred)} by its op, not ${showType(node.type)} as it says`,
  );
}

function inferAt(place: string, node: OpNode): TensorType {
  const { own, extras } = splitInputs(node);
  const types = (nodes: readonly Node[]) => nodes.map(({ type }) => type);
  try {
    const result = inferOp(node.op, types(own), node.attrs);
    return node.epilogue ? inferEpilogue(result, types(extras), node.epilogue) : result;
  } catch (cause) {
    throw new Error(`assumed that the operands of ${place} fit`, { cause });
  }
}
