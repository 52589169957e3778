// The greedy core of non-maximum suppression, over boxes that are sorted already.

import { barrier } from '../channels.ts';
import { badShape } from '../errors.ts';
import { sameShape, showType } from '../types.ts';
import { expectDType, expectRank } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** When a box gives way to an earlier one. */
export interface SuppressAttrs {
  /** Intersection over union above which it does. */
  readonly iouThreshold: number;
  /** The most boxes that stay in a group. */
  readonly most: number;
}

/**
 * Which boxes of each group stay: boxes `[G, N, 4]` as `[y1, x1, y2, x2]` with `y1 ≤ y2` and `x1 ≤ x2`, the
 * best first, and candidates `[G, N]`, to bool `[G, N]`. A candidate stays unless it overlaps one that has
 * stayed before it; boxes without area overlap nothing.
 */
export const suppress: Op<SuppressAttrs, 2> = defineOp<SuppressAttrs, 2>({
  name: 'suppress',
  arity: 2,

  infer([boxes, candidates], { most }) {
    expectDType('suppress', boxes, 'f32');
    expectDType('suppress', candidates, 'bool');
    expectRank('suppress', boxes, 3);
    if (!sameShape(boxes.shape, [...candidates.shape, 4]))
      throw badShape('suppress', `boxes ${showType(boxes)} for ${showType(candidates)}`);
    if (!Number.isInteger(most) || most < 0) throw badShape('suppress', `${most} boxes stay`);
    return candidates;
  },

  evaluate([boxes, candidates], { iouThreshold, most }, y) {
    const [groups, count] = candidates.type.shape as readonly [number, number];
    const threshold = Math.fround(iouThreshold);
    for (let group = 0; group < groups; group++) {
      const stayed: Box[] = [];
      for (let i = 0; i < count; i++) {
        const at = group * count + i;
        if (!candidates.data[at] || stayed.length === most) continue;
        const box = boxAt(boxes.data, 4 * at);
        if (stayed.some((other) => overlap(box, other) > threshold)) continue;
        stayed.push(box);
        y.data[at] = 1;
      }
    }
  },

  gradient: 'none', // a step function
  channels: () => barrier,
  macs: () => 0,
});

type Box = readonly [y1: number, x1: number, y2: number, x2: number];

const boxAt = (data: ArrayLike<number>, at: number): Box => [
  data[at]!,
  data[at + 1]!,
  data[at + 2]!,
  data[at + 3]!,
];

const { fround, max, min } = Math;

/** Rounded at each step as the machine does, so that ties at the threshold fall the same way. */
const area = ([y1, x1, y2, x2]: Box): number => fround(fround(y2 - y1) * fround(x2 - x1));

/** Intersection over union. */
function overlap(a: Box, b: Box): number {
  const [own, other] = [area(a), area(b)];
  if (!(own > 0 && other > 0)) return 0;
  const height = max(0, fround(min(a[2], b[2]) - max(a[0], b[0])));
  const width = max(0, fround(min(a[3], b[3]) - max(a[1], b[1])));
  const shared = fround(height * width);
  return fround(shared / fround(fround(own + other) - shared));
}
