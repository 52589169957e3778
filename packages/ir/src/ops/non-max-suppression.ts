// Non-maximum suppression with a result of fixed size.

import type { Builder } from '../builder.ts';
import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { sameShape, showType } from '../types.ts';
import { expectDType, expectRank } from './checks.ts';
import { iota } from './iota.ts';
import { defineOp, type Op } from './op.ts';

/** Which boxes are taken, and how many. */
export interface NonMaxSuppressionAttrs {
  /** The most boxes of each class of each image. */
  readonly most: number;
  /** Intersection over union above which the box of the lower score goes. */
  readonly iouThreshold: number;
  /** Boxes of a score up to this one are left out; −∞ leaves none out. */
  readonly scoreThreshold: number;
  /** Whether boxes are two opposite corners or a centre with a size: `[y1, x1, y2, x2]`, `[cx, cy, w, h]`. */
  readonly boxes: 'corners' | 'centre';
}

/**
 * Boxes `[B, N, 4]` and scores `[B, C, N]` to i32 `[B · C · min(most, N), 3]`: a row `[image, class, box]` for each
 * box that stays, by image, by class, by falling score; then rows of −1, since how many boxes stay is
 * known only when the model runs.
 */
export const nonMaxSuppression: Op<NonMaxSuppressionAttrs, 2> = defineOp<NonMaxSuppressionAttrs, 2>(
  {
    name: 'nonMaxSuppression',
    arity: 2,

    infer([boxes, scores], { most }) {
      expectDType('nonMaxSuppression', boxes, 'f32');
      expectDType('nonMaxSuppression', scores, 'f32');
      expectRank('nonMaxSuppression', scores, 3);
      const [images, classes, count] = scores.shape as readonly [number, number, number];
      if (!sameShape(boxes.shape, [images, count, 4]))
        throw badShape('nonMaxSuppression', `boxes ${showType(boxes)}, scores ${showType(scores)}`);
      if (!Number.isInteger(most) || most < 0) throw badShape('nonMaxSuppression', `${most} boxes`);
      return { dtype: 'i32', shape: [images * classes * Math.min(most, count), 3] };
    },

    decompose(b, [boxes, scores], { most, iouThreshold, scoreThreshold, boxes: form }) {
      const [images, classes, count] = scores.type.shape as readonly [number, number, number];
      const groups = images * classes;
      const k = Math.min(most, count);
      const order = b.topK(scores, { axis: 2, k: count, largest: true });
      const sorted = b.gatherElements(scores, order, { axis: 2 });
      const table = b.reshape(corners(b, boxes, form), { shape: [images * count, 4] });
      const rows = b.scalar('add', order, iota(b, images, 0, 3, count));
      const candidates = b.scalar('gt', sorted, b.value(scoreThreshold));
      const stay = b.suppress(
        b.reshape(b.gather(table, rows, { axis: 0 }), { shape: [groups, count, 4] }),
        b.reshape(candidates, { shape: [groups, count] }),
        { iouThreshold, most },
      );
      // Sorting is stable: those that stay come first, in the order of their scores.
      const first = b.topK(b.scalar('toI32', stay), { axis: 1, k, largest: true });
      const stays = b.gatherElements(stay, first, { axis: 1 });
      const box = b.gatherElements(b.reshape(order, { shape: [groups, count] }), first, {
        axis: 1,
      });
      const group = iota(b, groups, 0, 2);
      const each = b.value(Math.max(1, classes), 'i32');
      const columns = [b.scalar('div', group, each), b.scalar('mod', group, each), box].map(
        (node) =>
          b.reshape(b.scalar('select', stays, node, b.value(-1, 'i32')), {
            shape: [groups * k, 1],
          }),
      );
      const found = b.concat(columns, { axis: 1 });
      if (groups === 1) return found;
      const flat = b.scalar('toI32', b.reshape(stays, { shape: [groups * k] }));
      const compact = b.topK(flat, { axis: 0, k: groups * k, largest: true });
      return b.gather(found, compact, { axis: 0 });
    },

    gradient: 'none', // a step function
    channels: () => barrier,
    macs: () => 0,
  },
);

/** Boxes as `[y1, x1, y2, x2]`, the lower corner first. */
function corners(b: Builder, boxes: Node, form: NonMaxSuppressionAttrs['boxes']): Node {
  const [images, count] = boxes.type.shape as readonly [number, number];
  const columns = (from: number): Node =>
    b.slice(boxes, { starts: [0, 0, from], sizes: [images, count, 2], steps: [1, 1, 1] });
  const [low, high] = [columns(0), columns(2)];
  const ends =
    form === 'centre'
      ? (['sub', 'add'] as const).map((fn) =>
          b.scalar(fn, low, b.scalar('mul', high, b.value(0.5))),
        )
      : (['min', 'max'] as const).map((fn) => b.scalar(fn, low, high));
  return b.concat(ends, { axis: 2 });
}
