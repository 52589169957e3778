// Integer weights with zeros, as the fours of inputs that blocks of outputs keep.

import type { AttrsOf, OpNode } from '@espalier/ir';
import type { Address, View } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import { integerConstants, quad } from './integer-pack.ts';
import type { Lists } from './sparse-blocks.ts';
import { blockLanes } from './tile.ts';

/** Below this share of fours that are all zero the table costs more than it saves. */
const worthSkipping = 0.08;

const known = new WeakMap<object, Lists | 'dense'>();

/**
 * The quads of a layer of one group that each block of 8 outputs keeps, numbered `[R][S][four of I]`; `undefined`
 * where too few of them are zero.
 */
export function keptQuads(node: OpNode): Lists | undefined {
  const { groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  const [w] = integerConstants(node);
  if (groups !== 1) return undefined;
  const found = known.get(w) ?? quadsOf(w.value.data, w.type.shape);
  known.set(w, found);
  return found === 'dense' ? undefined : found;
}

function quadsOf(data: ArrayLike<number>, shape: readonly number[]): Lists | 'dense' {
  const [o, i, r, s] = shape as [number, number, number, number];
  const fours = Math.ceil(i / quad);
  const positions = r * s;
  const blocks = Math.ceil(o / blockLanes);
  const keeps = new Uint8Array(blocks * positions * fours);
  for (let output = 0; output < o; output++)
    for (let channel = 0; channel < i; channel++)
      for (let position = 0; position < positions; position++)
        if (data[(output * i + channel) * positions + position] !== 0)
          keeps[
            (Math.floor(output / blockLanes) * positions + position) * fours +
              Math.floor(channel / quad)
          ] = 1;
  const kept = keeps.reduce((sum, one) => sum + one, 0);
  if (kept > (1 - worthSkipping) * keeps.length) return 'dense';
  return Array.from({ length: blocks }, (_, block) =>
    Array.from(Array(positions * fours).keys()).filter(
      (place) => keeps[block * positions * fours + place] === 1,
    ),
  );
}

/** Quads in the order of their addresses, and the bytes of each from the lowest address of the window. */
export function placedQuads(
  node: OpNode,
  kept: Lists,
  { strides }: View,
  dilation: readonly [number, number],
): { readonly lists: Lists; readonly offsets: Lists; readonly lowest: number } {
  const [, i, r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
  const fours = Math.ceil(i / quad);
  const [row, column] = [strides[2]! * dilation[0], strides[3]! * dilation[1]];
  const offsetOf = (place: number): number => {
    const position = Math.floor(place / fours);
    return Math.floor(position / s) * row + (position % s) * column + quad * (place % fours);
  };
  const lowest = Math.min(0, (r - 1) * row) + Math.min(0, (s - 1) * column);
  const lists = kept.map((list) => [...list].sort((a, b) => offsetOf(a) - offsetOf(b)));
  return { lists, offsets: lists.map((list) => list.map((at) => offsetOf(at) - lowest)), lowest };
}

/** Weights of the kept quads as `[block][quad][8][4]`, filled up with zeros. */
export function packedQuads(emit: Emitter, node: OpNode, lists: Lists): Address {
  const [w] = integerConstants(node);
  const { data } = w.value;
  const [o, i, r, s] = w.type.shape as [number, number, number, number];
  const fours = Math.ceil(i / quad);
  const positions = r * s;
  const quads = lists.reduce((sum, { length }) => sum + length, 0);
  const packed = new Int8Array(quads * blockLanes * quad);
  let to = 0;
  lists.forEach((list, block) => {
    for (const place of list) {
      const [position, four] = [Math.floor(place / fours), place % fours];
      for (let lane = 0; lane < blockLanes; lane++)
        for (let k = 0; k < quad; k++, to++) {
          const [output, channel] = [block * blockLanes + lane, four * quad + k];
          if (output < o && channel < i)
            packed[to] = data[(output * i + channel) * positions + position]!;
        }
    }
  });
  return emit.constant(new Int32Array(packed.buffer), w.name);
}
