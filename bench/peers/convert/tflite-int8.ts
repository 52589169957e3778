// Writes a network as a TFLite file in eight bits: floats at its ends, codes of activations and weights between.

import type { Tensor } from '@espalier/ir';
import {
  type WrittenOperator,
  type WrittenTensor,
  writeTflite,
} from '../../../test/support/write-tflite.ts';
import { type Codes, coded, codedLayer, codesFor } from './codes.ts';
import type { PeerAttrs, PeerGraph, PeerTensor } from './peer-graph.ts';
import { rangeOf, rangesOf } from './ranges.ts';
import { forTflite, written } from './tflite-ops.ts';

type Kind = PeerAttrs['kind'];

/** Ops with weights, and the axis of their outputs in these. */
const layers: Partial<Record<Kind, number>> = { conv: 0, depthwise: 3, fullyConnected: 0 };

/** Ops without weights whose results have codes of their own. */
const counting: readonly Kind[] = ['add', 'mean'];

/** Ops whose results have the codes of what they read. */
const moving: readonly Kind[] = ['avgPool', 'maxPool', 'pad', 'reshape'];

const quantize = { builtin: 114 } as const;
const dequantize = { builtin: 6 } as const;

/**
 * The bytes of a `.tflite` file with codes of 8 bits, as a converter makes it from a sample.
 *
 * @param sample Inputs in the network's order, images `[N, C, H, W]`: codes reach as far as values do with them.
 * @throws {Error} saying which op has no counterpart in codes
 */
export function tfliteInt8(original: PeerGraph, sample: readonly Tensor[]): Uint8Array {
  const graph = forTflite(original);
  for (const { attrs } of graph.ops)
    if (![...counting, ...moving].includes(attrs.kind) && layers[attrs.kind] === undefined)
      throw new Error(`no conversion to eight bits of ${attrs.kind}`);

  const ranges = rangesOf(graph, sample);
  const tensors: WrittenTensor[] = [];
  const add = (tensor: WrittenTensor): number => tensors.push(tensor) - 1;
  const known = new Map<PeerTensor, { readonly number: number; readonly codes: Codes }>();
  const make = (tensor: PeerTensor, codes: Codes) => {
    const made = { number: add(coded(tensor, codes)), codes };
    known.set(tensor, made);
    return made;
  };
  /** What an op reads; constants are made when they are met. */
  const find = (tensor: PeerTensor) =>
    known.get(tensor) ?? make(tensor, codesFor(rangeOf(tensor.data!)));

  const inputs = graph.inputs.map(({ shape }) => add({ shape }));
  const before = graph.inputs.map((tensor, i): WrittenOperator => {
    const { number } = make(tensor, codesFor(ranges.get(tensor)!));
    return { ...quantize, inputs: [inputs[i]!], outputs: [number] };
  });
  const operators = graph.ops.map((op): WrittenOperator => {
    const { extra = [], ...own } = written(op);
    const { kind } = op.attrs;
    const [x, ...others] = op.inputs;
    const { number, codes } = find(x!);
    const axis = layers[kind];
    const operands =
      axis === undefined
        ? others.map((other) => find(other).number)
        : codedLayer(others[0]!, others[1]!, axis, codes).map(add);
    // Whole numbers say how an op works; floats are values beside those that it reads.
    const settings = extra.map((tensor) =>
      add(tensor.data instanceof Int32Array ? tensor : coded(tensor, codes)),
    );
    const result = make(
      op.output,
      moving.includes(kind) ? codes : codesFor(ranges.get(op.output)!),
    );
    return { ...own, inputs: [number, ...operands, ...settings], outputs: [result.number] };
  });
  const outputs = graph.outputs.map(({ shape }) => add({ shape }));
  const after = graph.outputs.map((tensor, i): WrittenOperator => {
    return { ...dequantize, inputs: [find(tensor).number], outputs: [outputs[i]!] };
  });
  return writeTflite({ tensors, operators: [...before, ...operators, ...after], inputs, outputs });
}
