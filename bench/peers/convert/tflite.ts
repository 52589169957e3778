// Writes a network as a TFLite file.

import {
  type WrittenOperator,
  type WrittenTensor,
  writeTflite,
} from '../../../test/support/write-tflite.ts';
import type { PeerGraph, PeerOp, PeerTensor } from './peer-graph.ts';
import { forTflite, written } from './tflite-ops.ts';

/** DENSIFY, which says that a sparse tensor is read as if it were dense. */
const densify = { builtin: 124, options: 99 } as const;

/** A matrix `[O, …, K]` without its zeros, the last axis compressed. */
function compressed(shape: readonly number[], data: Float32Array): WrittenTensor {
  const columns = shape.at(-1)!;
  const segments = [0];
  const indices: number[] = [];
  const kept: number[] = [];
  for (let begin = 0; begin < data.length; begin += columns) {
    for (let column = 0; column < columns; column++) {
      const weight = data[begin + column]!;
      if (weight === 0) continue;
      indices.push(column);
      kept.push(weight);
    }
    segments.push(indices.length);
  }
  const outer = shape.slice(0, -1).map((size) => ({ size }));
  const order = shape.map((_, axis) => axis);
  const dimensions = [...outer, { segments, indices }];
  return { shape, data: Float32Array.from(kept), sparsity: { order, dimensions } };
}

/** The weights of a convolution of one position of which most are zero: those a kernel for sparse tensors exists for. */
function mostlyZeros({ attrs }: PeerOp, operand: number, { shape, data }: PeerTensor) {
  if (attrs.kind !== 'conv' || operand !== 1 || !(data instanceof Float32Array)) return undefined;
  const zeros = data.reduce((count, weight) => count + Number(weight === 0), 0);
  return shape[1]! * shape[2]! === 1 && zeros >= data.length / 2 ? data : undefined;
}

/** The bytes of a `.tflite` file. */
export function tflite(original: PeerGraph): Uint8Array {
  const graph = forTflite(original);
  const tensors: WrittenTensor[] = [];
  const numbers = new Map<PeerTensor, number>();
  const numberOf = (tensor: PeerTensor): number => {
    const known = numbers.get(tensor);
    if (known !== undefined) return known;
    numbers.set(tensor, tensors.length);
    return tensors.push(tensor) - 1;
  };
  const operators = graph.ops.flatMap((op): WrittenOperator[] => {
    const { extra = [], ...own } = written(op);
    const before: WrittenOperator[] = [];
    const inputs = op.inputs.map((tensor, operand) => {
      const { shape } = tensor;
      const zeros = mostlyZeros(op, operand, tensor);
      if (!zeros) return numberOf(tensor);
      const stored = tensors.push(compressed(shape, zeros)) - 1;
      const dense = numberOf({ shape });
      before.push({ ...densify, inputs: [stored], outputs: [dense] });
      return dense;
    });
    inputs.push(...extra.map(numberOf));
    return [...before, { ...own, inputs, outputs: [numberOf(op.output)] }];
  });
  const ports = { inputs: graph.inputs.map(numberOf), outputs: graph.outputs.map(numberOf) };
  return writeTflite({ tensors, operators, ...ports });
}
