// Integer weights as bytes, in the order in which tiles read them, and biases with the code of zero taken in.

import { type AttrsOf, assert, type ConstantNode, type OpNode } from '@espalier/ir';
import type { Address } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import { blocksOf } from './conv-tiles.ts';
import { blockLanes } from './tile.ts';

/** Inputs that one instruction multiplies for one output. */
export const quad = 4;

/** The constant weights `[O, I, R, S]` and bias `[O]` of a convolution of codes. */
export function integerConstants(node: OpNode): readonly [ConstantNode, ConstantNode] {
  const [, w, bias] = node.inputs;
  assert(w?.kind === 'constant' && bias?.kind === 'constant', 'convInteger has constant weights');
  return [w, bias];
}

/**
 * The bias of each output as `[group][block][8]`, less the code of zero times the output's weights: with
 * it, sums over plain codes come out right.
 */
export function packedBias(emit: Emitter, node: OpNode): Address {
  const { zero, groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  const [w, bias] = integerConstants(node);
  const outputs = w.type.shape[0]!;
  const perGroup = outputs / groups;
  const taps = w.value.data.length / outputs;
  const groupLanes = blocksOf(perGroup) * blockLanes;
  const packed = new Int32Array(groups * groupLanes);
  for (let output = 0; output < outputs; output++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += w.value.data[output * taps + tap]!;
    const to = Math.floor(output / perGroup) * groupLanes + (output % perGroup);
    packed[to] = bias.value.data[output]! - zero * sum;
  }
  return emit.constant(packed, bias.name);
}

/** Bytes of the weights of one block of outputs, where taps come in runs of so many. */
export const blockBytes = (taps: number, run: number): number =>
  taps === 0 ? 0 : blockLanes * quad * Math.ceil(run / quad) * (taps / run);

/**
 * Weights as `[group][block][outer taps][quad of the run][8][4]`, runs filled up with zeros.
 *
 * @param run Taps, in the order `[R, S, I]`, that lie next to each other in the input.
 */
export function packedWeights(emit: Emitter, node: OpNode, run: number): Address {
  const { groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  const [w] = integerConstants(node);
  const [o, i, r, s] = w.type.shape as [number, number, number, number];
  const outputs = o / groups;
  const taps = i * r * s;
  const blockSize = blockBytes(taps, run);
  const groupSize = blocksOf(outputs) * blockSize;
  const packed = new Int8Array(groups * groupSize);
  for (let output = 0; output < o; output++) {
    const own = output % outputs;
    const first = Math.floor(output / outputs) * groupSize;
    const block = first + Math.floor(own / blockLanes) * blockSize;
    for (let tap = 0; tap < taps; tap++) {
      const [row, column] = [Math.floor(tap / (s * i)), Math.floor(tap / i) % s];
      const place = tap % run;
      const group = Math.floor(tap / run) * Math.ceil(run / quad) + Math.floor(place / quad);
      const lane = (group * blockLanes + (own % blockLanes)) * quad + (place % quad);
      packed[block + lane] = w.value.data[((output * i + (tap % i)) * r + row) * s + column]!;
    }
  }
  return emit.constant(new Int32Array(packed.buffer), w.name);
}
