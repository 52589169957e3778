// How large the values of a network get: what codes of eight bits have to reach.

import { importTflite } from '@espalier/importers';
import type { Tensor } from '@espalier/ir';
import { start } from '../../../test/support/run-compiled.ts';
import type { PeerGraph, PeerTensor } from './peer-graph.ts';
import { tflite } from './tflite.ts';
import { imageOrder, permuted, storedShape } from './values.ts';

/** The least and the greatest element. */
export type Range = readonly [least: number, greatest: number];

/**
 * Runs a network once in floats, compiled by ourselves, with every op's result as an output.
 *
 * @param graph As TFLite has it, so that no result vanishes into another.
 * @param inputs In the graph's order, images `[N, C, H, W]`.
 * @returns The range of every input and of every result.
 */
export function rangesOf(
  graph: PeerGraph,
  inputs: readonly Tensor[],
): ReadonlyMap<PeerTensor, Range> {
  const outputs = graph.ops.map(({ output }) => output);
  const imported = importTflite(tflite({ ...graph, outputs }), { file: 'ranges.tflite' });
  const feeds = imported.inputs.map(({ name }, i): [string, Tensor] => [name!, stored(inputs[i]!)]);
  const results = start(imported).run(Object.fromEntries(feeds));
  return new Map([
    ...graph.inputs.map((tensor, i) => [tensor, rangeOf(inputs[i]!.data)] as const),
    ...outputs.map(
      (tensor, i) => [tensor, rangeOf(results[imported.outputs[i]!.name]!.data)] as const,
    ),
  ]);
}

/** Elements where the engines want them. */
function stored({ type, data }: Tensor): Tensor {
  const order = imageOrder(type.shape.length);
  return {
    type: { ...type, shape: storedShape(type.shape, order) },
    data: permuted(data as Float32Array, type.shape, order), // what else a network may read has no codes
  };
}

/** The range of some elements. */
export function rangeOf(data: Iterable<number>): Range {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  return [least, greatest];
}
