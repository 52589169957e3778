// Boxes that give way to better ones. How many stay is known only when the model runs: there is room for the most.

import type { Node } from '@espalier/ir';
import { type Room, sliceAxis } from './room.ts';

/** `x` where a row is used, 0 where it is not, in `most` rows. */
export function used({ b }: Room, valid: Node, x: Node, most: number): Node {
  const [rows, ...rest] = x.type.shape;
  const shape = [rows!, ...rest.map(() => 1)];
  const kept = b.scalar(
    'select',
    b.reshape(valid, { shape }),
    x,
    b.value(0, x.type.dtype === 'i32' ? 'i32' : 'f32'),
  );
  if (rows === most) return kept;
  const none = [rows!, ...rest].map(() => 0);
  return b.pad(kept, { before: none, after: none.with(0, most - rows!), value: 0 });
}

/** The numbers that rows hold in one column, those of unused rows as 0. */
export const columnOf = (room: Room, rows: Node, i: number): Node =>
  room.b.scalar(
    'max',
    room.b.reshape(sliceAxis(room, rows, 1, i, 1), { shape: [rows.type.shape[0]!] }),
    room.b.value(0, 'i32'),
  );

/** Which rows of a suppression are boxes. */
export const isUsed = (room: Room, rows: Node): Node =>
  room.b.scalar(
    'ge',
    room.b.reshape(sliceAxis(room, rows, 1, 2, 1), { shape: [rows.type.shape[0]!] }),
    room.b.value(0, 'i32'),
  );

/** Which of boxes `[N, 4]` with scores `[N]` stay: indices and scores in `most` rows, zeros behind, and their count. */
export function suppressed(
  room: Room,
  { boxes, scores }: { readonly boxes: Node; readonly scores: Node },
  limits: {
    readonly most: number;
    readonly iouThreshold: number;
    readonly scoreThreshold: number;
  },
) {
  const { b } = room;
  const [count = 0] = scores.type.shape;
  const rows = b.nonMaxSuppression(
    b.reshape(boxes, { shape: [1, count, 4] }),
    b.reshape(scores, { shape: [1, 1, count] }),
    { ...limits, boxes: 'corners' },
  );
  const [valid, box] = [isUsed(room, rows), columnOf(room, rows, 2)];
  return {
    indices: used(room, valid, box, limits.most),
    scores: used(room, valid, b.gather(scores, box, { axis: 0 }), limits.most),
    count: b.reduce(b.scalar('toI32', valid), { kind: 'sum', axes: [0], keepDims: false }),
  };
}
