// Sliding windows: the attributes that convolutions and pools share, and their extents.

import { badShape } from '../errors.ts';

/** Rows and columns. */
export type Pair = readonly [number, number];

/** How a window moves over `H` and `W`. */
export interface Sliding {
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Rows and columns added around the input: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

/** Refuses strides and dilations below 1, and pads below 0. */
export function expectSliding(op: string, { stride, dilation, pads }: Sliding): void {
  if (![...stride, ...dilation].every((n) => Number.isInteger(n) && n >= 1))
    throw badShape(op, `stride [${stride}] and dilation [${dilation}] are not positive`);
  if (!pads.every((n) => Number.isInteger(n) && n >= 0))
    throw badShape(op, `pads [${pads}] are not counts`);
}

/**
 * Windows that fit along rows and columns. None is an answer only where there are no rows or columns
 * to begin with: elsewhere the model is at fault.
 */
export function slidingExtents(
  op: string,
  [height, width]: Pair,
  kernel: Pair,
  { stride, dilation, pads }: Sliding,
): Pair {
  const [top, left, bottom, right] = pads;
  const along = (size: number, margin: number, taps: number, step: number, gap: number) => {
    const windows = Math.floor((size + margin - gap * (taps - 1) - 1) / step) + 1;
    if (!Number.isInteger(taps) || taps < 1 || (windows < 1 && size > 0))
      throw badShape(op, `a ${kernel.join('×')} window does not fit into ${height}×${width}`);
    return Math.max(0, windows);
  };
  return [
    along(height, top + bottom, kernel[0], stride[0], dilation[0]),
    along(width, left + right, kernel[1], stride[1], dilation[1]),
  ];
}

/** The taps `[first, end)` of a window whose positions `start + tap · gap` are inside `[0, size)`. */
export function insideTaps(start: number, taps: number, gap: number, size: number): Pair {
  const first = start < 0 ? Math.ceil(-start / gap) : 0;
  const end = Math.min(taps, Math.ceil((size - start) / gap));
  return [first, Math.max(first, end)];
}
