// A row of pixels, or of anything else that lies evenly, taken some vectors at a time.

import type { Assembler, Expr, Local } from '../assembler.ts';
import { nest } from '../walk.ts';

/** As many parts of a size. */
export interface Parts {
  readonly size: number;
  readonly count: number;
}

/** A number of things in nearly equal parts of at most `most`, the larger parts first. */
export function inParts(things: number, most: number): Parts[] {
  const parts = Math.ceil(things / most);
  const small = Math.floor(things / parts);
  const larger = things - small * parts;
  return [
    { size: small + 1, count: larger },
    { size: small, count: parts - larger },
  ].filter(({ count }) => count > 0);
}

/**
 * Statement: a row of pixels in nearly equal tiles of vectors, the last with the lanes that are left. The
 * pointers are back at its start afterwards.
 *
 * @param steps Bytes that each pointer moves from one pixel to the next.
 */
export function inVectors(
  asm: Assembler,
  pixels: number,
  held: number,
  steps: readonly number[],
  pointers: readonly Local[],
  tile: (vectors: number, lastLanes: number) => Expr,
): Expr {
  if (pixels === 0) return asm.seq();
  const vectors = Math.ceil(pixels / 4);
  const lastLanes = pixels - 4 * (vectors - 1);
  // The last tile is written on its own if its last vector is not whole.
  const apart = lastLanes < 4 ? 1 : 0;
  const parts = inParts(vectors, held);
  const lastSize = parts.at(-1)!.size;
  return asm.seq(
    ...parts.map(({ size, count }, i) =>
      nest(
        asm,
        [
          {
            extent: i === parts.length - 1 ? count - apart : count,
            steps: steps.map((step) => 4 * step * size),
          },
        ],
        pointers,
        tile(size, 4),
      ),
    ),
    apart ? tile(lastSize, lastLanes) : asm.seq(),
    ...pointers.map((pointer, i) => pointer.advance(-4 * steps[i]! * (vectors - apart * lastSize))),
  );
}
