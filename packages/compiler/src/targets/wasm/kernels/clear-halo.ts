// Fills the margin of a view with what stands for zero: what a padded convolution reads around its input.

import type { View } from '../../../plan/view.ts';
import { elementBytes, moved } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import { type Loop, loopsOf, nest } from '../walk.ts';

/** Adds a step that clears the halo of a rank-4 view, in whatever order it is stored. */
export function emitClearHalo(emit: Emitter, view: View): void {
  const [top, left, bottom, right] = view.halo;
  const [n, c, h, w] = view.shape as [number, number, number, number];
  const [, , row, column] = view.strides as [number, number, number, number];
  const size = elementBytes(view.dtype);
  // Whole rows above and below, and between them what lies left and right.
  const wide = left + w + right;
  const parts = [
    { rows: top, columns: wide, offset: -top * row - left * column },
    { rows: bottom, columns: wide, offset: h * row - left * column },
    { rows: h, columns: left, offset: -left * column },
    { rows: h, columns: right, offset: w * column },
  ].filter(({ rows, columns }) => rows > 0 && columns > 0 && n > 0 && c > 0);
  emit.call({
    label: 'clear halo',
    kernel: 'clear-halo',
    args: parts.map(({ offset }) => moved(view.address, size * offset)),
    write: (asm, ...pointers) =>
      asm.seq(
        ...parts.map(({ rows, columns }, i) => {
          const loops = loopsOf([n, c, rows, columns], [view.strides], [size]);
          const inner = loops.at(-1);
          const runs = inner?.steps[0] === size;
          const outer: readonly Loop[] = runs ? loops.slice(0, -1) : loops;
          const bytes = asm.i32(runs ? size * inner.extent : size);
          const pointer = pointers[i]!;
          return nest(asm, outer, [pointer], asm.fill(pointer.get, asm.i32(view.fill ?? 0), bytes));
        }),
      ),
  });
}
