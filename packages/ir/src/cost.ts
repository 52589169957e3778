// What a graph costs: multiply-accumulates, and bytes of parameters and activations.

import { type Graph, splitInputs, topologicalOrder } from './graph.ts';
import { inferOp, opOf } from './infer.ts';
import type { Node, OpNode } from './node.ts';
import type { OpName } from './ops/index.ts';
import { elementCount, type TensorType } from './types.ts';

/** Bytes of a value in memory; bool and u8 take one an element. */
export const bytesOf = ({ dtype, shape }: TensorType): number =>
  elementCount(shape) * (dtype === 'bool' || dtype === 'u8' ? 1 : 4);

/** What one op of a graph costs. */
export interface NodeCost {
  readonly name: string;
  readonly op: OpName;
  readonly type: TensorType;
  /** Multiply-accumulates of one evaluation, epilogue left out. */
  readonly macs: number;
  /** Bytes of the constants that it reads and that no earlier row has counted. */
  readonly parameterBytes: number;
  /** Bytes of its result. */
  readonly activationBytes: number;
}

/** The costs of a graph's ops, in the order of evaluation. */
export function costs(graph: Graph): NodeCost[] {
  const counted = new Set<Node>();
  const parameters = (node: OpNode): number => {
    let bytes = 0;
    for (const input of node.inputs) {
      if (input.kind !== 'constant' || counted.has(input)) continue;
      counted.add(input);
      bytes += bytesOf(input.type);
    }
    return bytes;
  };
  return topologicalOrder(graph)
    .filter((node) => node.kind === 'op')
    .map((node) => ({
      name: node.name,
      op: node.op,
      type: node.type,
      macs: macsOf(node),
      parameterBytes: parameters(node),
      activationBytes: bytesOf(node.type),
    }));
}

/** Multiply-adds of one node, as its op's record counts them. */
export function macsOf(node: OpNode): number {
  const types = splitInputs(node).own.map(({ type }) => type);
  const result = inferOp(node.op, types, node.attrs);
  return opOf(node.op).macs(node.attrs, types, result);
}

const total = (graph: Graph, of: (cost: NodeCost) => number): number =>
  costs(graph).reduce((sum, cost) => sum + of(cost), 0);

/** Multiply-accumulates of one evaluation of a graph. */
export const macs = (graph: Graph): number => total(graph, (cost) => cost.macs);

/** Bytes of all constants that the ops of a graph read. */
export const parameterBytes = (graph: Graph): number => total(graph, (cost) => cost.parameterBytes);

/** Bytes of all results of a graph's ops together; what a memory plan shares lies below. */
export const activationBytes = (graph: Graph): number =>
  total(graph, (cost) => cost.activationBytes);
