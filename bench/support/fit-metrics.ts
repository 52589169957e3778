// What quality means for the networks that are fitted: accuracy, PSNR, AP50, and agreement of what is found.

import type { Tensor } from '@espalier/ir';

/** Outputs of a network on one picture. */
export type Outputs = Readonly<Record<string, Tensor>>;

/** The index of the greatest value. */
export const topOf = (values: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
};

/** A box `[left, top, right, bottom]` with a score and a class. */
export interface Box {
  readonly corners: readonly [number, number, number, number];
  readonly score: number;
  readonly label: number;
}

/** Intersection over union. */
export function iou({ corners: a }: Pick<Box, 'corners'>, { corners: b }: Pick<Box, 'corners'>) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = ([l, t, r, d]: Box['corners']) => (r - l) * (d - t);
  return (width * height) / (area(a) + area(b) - width * height);
}

/** Keeps the best of boxes of one class that overlap by more than a bound, greedily. */
export function suppress(boxes: readonly Box[], most = 0.45): Box[] {
  const kept: Box[] = [];
  for (const box of [...boxes].sort((a, b) => b.score - a.score))
    if (!kept.some((one) => one.label === box.label && iou(one, box) > most)) kept.push(box);
  return kept;
}

/** One picture's boxes, as found and as they should be. */
export interface Detected {
  readonly found: readonly Box[];
  readonly wanted: readonly Pick<Box, 'corners' | 'label'>[];
}

/** Average precision at IoU 0.5: the mean over the classes that are there, in percent. */
export function ap50(pictures: readonly Detected[]): number {
  const labels = [...new Set(pictures.flatMap(({ wanted }) => wanted.map(({ label }) => label)))];
  const precisions = labels.map((label) => {
    const total = pictures.flatMap(({ wanted }) => wanted.filter((box) => box.label === label));
    const claimed = new Set<object>();
    const hits = pictures
      .flatMap(({ found, wanted }) =>
        found.filter((box) => box.label === label).map((box) => ({ box, wanted })),
      )
      .sort((a, b) => b.box.score - a.box.score)
      .map(({ box, wanted }) => {
        const own = wanted.filter((one) => one.label === label && !claimed.has(one));
        const best = own.reduce<(typeof own)[number] | undefined>(
          (most, one) => (!most || iou(one, box) > iou(most, box) ? one : most),
          undefined,
        );
        if (!best || iou(best, box) < 0.5) return false;
        claimed.add(best);
        return true;
      });
    let [right, area] = [0, 0];
    const points = hits.map((hit, i) => {
      if (hit) right++;
      return { recall: right / total.length, precision: right / (i + 1) };
    });
    let best = 0;
    for (let i = points.length - 1; i >= 0; i--) {
      best = Math.max(best, points[i]!.precision);
      area += best * (points[i]!.recall - (points[i - 1]?.recall ?? 0));
    }
    return area;
  });
  return (100 * precisions.reduce((sum, p) => sum + p, 0)) / labels.length;
}

/** How far a picture's brightness is from another's, in dB; both RGB in [0, 255], borders left out. */
export function psnrY(
  actual: ArrayLike<number>,
  wanted: ArrayLike<number>,
  width: number,
  height: number,
  border: number,
): number {
  const plane = width * height;
  // BT.601 from 16 to 235.
  const luma = (data: ArrayLike<number>, at: number) => {
    const byte = (c: number) => Math.min(255, Math.max(0, Math.round(data[c * plane + at]!)));
    return (65.481 * byte(0) + 128.553 * byte(1) + 24.966 * byte(2)) / 255 + 16;
  };
  let [sum, count] = [0, 0];
  for (let y = border; y < height - border; y++)
    for (let x = border; x < width - border; x++, count++)
      sum += (luma(actual, y * width + x) - luma(wanted, y * width + x)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / count));
}

/** One thing that a map shows. */
export interface Peak {
  readonly map: number;
  readonly x: number;
  readonly y: number;
}

/** Agreement of two lists of peaks, those of one map within `reach` cells being one, in percent: 2 · both / (one + other). */
export function sharedPeaks(pairs: readonly (readonly [Peak[], Peak[]])[], reach: number): number {
  let [both, all] = [0, 0];
  for (const [one, other] of pairs) {
    const free = new Set(other);
    for (const peak of one) {
      const near = [...free]
        .filter(({ map }) => map === peak.map)
        .map((each) => ({ each, distance: Math.hypot(each.x - peak.x, each.y - peak.y) }))
        .sort((a, b) => a.distance - b.distance)[0];
      if (!near || near.distance > reach) continue;
      free.delete(near.each);
      both++;
    }
    all += one.length + other.length;
  }
  return all === 0 ? 100 : (200 * both) / all;
}
