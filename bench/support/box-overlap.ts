// How far two rectangles at any angle cover each other.

import { corners, type Rectangle } from '../../fixtures/apps/text/src/geometry.ts';

/** Points along each side of the area that is looked at. */
const samples = 160;

/** Intersection over union, by points of a grid. */
export function overlap(a: Rectangle, b: Rectangle): number {
  const all = [...corners(a), ...corners(b)];
  const [left, right] = [Math.min(...all.map(({ x }) => x)), Math.max(...all.map(({ x }) => x))];
  const [top, bottom] = [Math.min(...all.map(({ y }) => y)), Math.max(...all.map(({ y }) => y))];
  let [both, either] = [0, 0];
  for (let i = 0; i < samples; i++)
    for (let j = 0; j < samples; j++) {
      const x = left + ((right - left) * (i + 0.5)) / samples;
      const y = top + ((bottom - top) * (j + 0.5)) / samples;
      const [inA, inB] = [contains(a, x, y), contains(b, x, y)];
      if (inA && inB) both++;
      if (inA || inB) either++;
    }
  return either === 0 ? 0 : both / either;
}

function contains({ centre, axis, width, height }: Rectangle, x: number, y: number): boolean {
  const [dx, dy] = [x - centre.x, y - centre.y];
  const along = Math.abs(dx * axis.x + dy * axis.y);
  const across = Math.abs(dy * axis.x - dx * axis.y);
  return along <= width / 2 && across <= height / 2;
}
