// Graphs as text: one line a value, the same text for the same graph. `parse` reads it back.

import { showAttrs } from './attrs.ts';
import { type Graph, splitInputs, topologicalOrder } from './graph.ts';
import type { ConstantNode, Node, OpNode } from './node.ts';
import { showNumber, showScalar } from './ops/scalar.ts';
import { showType, type Tensor, type TensorData } from './types.ts';

/** Constants of at most this many elements are written out, larger ones by their digest. */
const shownElements = 16;

/**
 * The graph as text: inputs in the caller's order, then every value that the outputs need, operands
 * first. Equal names are told apart by a number.
 */
export function print(graph: Graph): string {
  const order = topologicalOrder(graph).filter((node) => node.kind !== 'input');
  const names = uniqueNames([...graph.inputs, ...order]);
  const name = (node: Node) => showName(names.get(node)!);
  const lines = [...graph.inputs, ...order].map(
    (node) => `${name(node)} = ${showValue(node, name)}`,
  );
  const outputs = graph.outputs.map((output) =>
    output.name === names.get(output.node)
      ? name(output.node)
      : `${showName(output.name)}: ${name(output.node)}`,
  );
  return `${[...lines, `return ${outputs.join(', ')}`].join('\n')}\n`;
}

function showValue(node: Node, name: (node: Node) => string): string {
  if (node.kind === 'input') return `input ${showType(node.type)}`;
  return node.kind === 'constant' ? showConstant(node) : showOp(node, name);
}

function showOp(node: OpNode, name: (node: Node) => string): string {
  const { own, extras } = splitInputs(node);
  const list = (nodes: readonly Node[]) => nodes.map(name).join(', ');
  const operands = extras.length > 0 ? `${list(own)}; ${list(extras)}` : list(own);
  const attrs = showAttrs(node.attrs);
  const epilogue = node.epilogue ? ` then ${showScalar(node.epilogue)}` : '';
  return `${node.op}(${operands})${attrs === '{}' ? '' : ` ${attrs}`}${epilogue}`;
}

function showConstant({ type, value }: ConstantNode): string {
  const { data } = value;
  if (data.length > shownElements) return `constant ${showType(type)} #${digest(data)}`;
  const show = type.dtype === 'f32' ? showNumber : String;
  return `constant ${showType(type)} {${Array.from(data, show).join(', ')}}`;
}

/** The constants that `print` writes by digest: what `parse` needs to read them back. */
export function digests(graph: Graph): Map<string, Tensor> {
  const constants = topologicalOrder(graph).filter((node) => node.kind === 'constant');
  return new Map(constants.map(({ value }) => [digest(value.data), value]));
}

/** 64 bits of a hash of the elements' bits, in hexadecimal: for telling apart, not for security. */
function digest(data: TensorData): string {
  const words =
    data instanceof Uint8Array ? data : new Uint32Array(data.buffer, data.byteOffset, data.length);
  // Two hashes of multiply and shift. Without the shift two flipped signs would cancel.
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < words.length; i++) {
    a = Math.imul(a ^ words[i]!, 0x01000193);
    a ^= a >>> 13;
    b = Math.imul(b ^ words[i]!, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

function uniqueNames(nodes: readonly Node[]): Map<Node, string> {
  const taken = new Set<string>();
  const names = new Map<Node, string>();
  for (const node of nodes) {
    let name = node.name;
    for (let n = 2; taken.has(name); n++) name = `${node.name}_${n}`;
    taken.add(name);
    names.set(node, name);
  }
  return names;
}

/** Names which need no quotes. */
export const plainName = /^[A-Za-z_/][\w.'/-]*/;

const showName = (name: string): string =>
  plainName.exec(name)?.[0] === name && name !== 'return' ? name : JSON.stringify(name);
