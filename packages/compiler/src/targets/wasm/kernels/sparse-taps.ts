// The taps of a sparse convolution, and where each is in memory.

import type { View } from '../../../plan/view.ts';
import type { ColumnShape, Lists } from './sparse-blocks.ts';

/** Weights `[O, I, R, S]` with their taps in the order in which NHWC stores them. */
export function tapColumns([o, i, r, s]: readonly number[]): ColumnShape {
  const [inputs, rows, columns] = [i!, r ?? 1, s ?? 1];
  return {
    outputs: o!,
    columns: rows * columns * inputs,
    items: 1,
    indexOf: (output, tap) =>
      (output * inputs + (tap % inputs)) * rows * columns + Math.floor(tap / inputs),
  };
}

/** Taps in the order of their addresses. */
export interface TapOffsets {
  readonly taps: Lists;
  /** Bytes from the lowest address that any tap of the window has. */
  readonly offsets: Lists;
  /** Bytes from the first tap of the window to the lowest: views may run backwards. */
  readonly lowest: number;
}

/** Where taps are, for weights `[O, I, R, S]` over a view `[N, I, H, W]`. */
export function tapOffsets(
  lists: Lists,
  [, inputs = 1, rows = 1, columns = 1]: readonly number[],
  { strides }: View,
  dilation: readonly [number, number],
): TapOffsets {
  const [, channel = 0, row = 0, column = 0] = strides;
  const offsetOf = (tap: number): number => {
    const position = Math.floor(tap / inputs);
    return (
      4 *
      ((tap % inputs) * channel +
        Math.floor(position / columns) * row * dilation[0] +
        (position % columns) * column * dilation[1])
    );
  };
  const reach = (extent: number, step: number) => Math.min(0, 4 * (extent - 1) * step);
  const lowest =
    reach(inputs, channel) + reach(rows, row * dilation[0]) + reach(columns, column * dilation[1]);
  const taps = lists.map((list) => [...list].sort((a, b) => offsetOf(a) - offsetOf(b)));
  return { taps, offsets: taps.map((list) => list.map((tap) => offsetOf(tap) - lowest)), lowest };
}
