// A row of pixels, taken a few at a time: as many as a tile holds in registers.

import type { Assembler, Expr, Local } from '../assembler.ts';
import { nest } from '../walk.ts';
import { inParts } from './vector-row.ts';

/** How pixels of a row are taken together. */
export interface PixelRow {
  readonly pixels: number;
  /** As many as one tile holds. */
  readonly held: number;
  /** Bytes that each pointer moves from one pixel to the next. */
  readonly steps: readonly number[];
}

/** Statement: a row of pixels in nearly equal tiles; the pointers are back at its start afterwards. */
export function inTiles(
  asm: Assembler,
  { pixels, held, steps }: PixelRow,
  pointers: readonly Local[],
  tile: (pixels: number) => Expr,
): Expr {
  return asm.seq(
    ...inParts(pixels, held).map(({ size, count }) =>
      nest(asm, [{ extent: count, steps: steps.map((step) => step * size) }], pointers, tile(size)),
    ),
    ...pointers.map((pointer, i) => pointer.advance(-pixels * steps[i]!)),
  );
}
