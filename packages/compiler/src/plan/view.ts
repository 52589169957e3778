// How a value lies in memory. Every kernel takes views, so transposes, slices and broadcasts cost
// nothing where a kernel can walk their strides.

import type { DType, Shape } from '@espalier/ir';

/** A region of linear memory whose address is chosen after every kernel is. */
export interface Buffer {
  readonly id: number;
  readonly bytes: number;
  readonly kind: 'input' | 'output' | 'activation' | 'scratch' | 'constant';
  /** For messages and reports. */
  readonly label: string;
}

/** A place inside a buffer. */
export interface Address {
  readonly buffer: Buffer;
  readonly byteOffset: number;
}

/** Rows and columns of zeros around the last two axes: `[top, left, bottom, right]`. */
export type Halo = readonly [number, number, number, number];

/** No zeros around. */
export const noHalo: Halo = [0, 0, 0, 0];

/** Bytes of an element in memory: codes take one, everything else (`bool` too) a word. */
export const elementBytes = (dtype: DType): number => (dtype === 'u8' ? 1 : 4);

/**
 * A value in memory: element `i` is `elementBytes` bytes (`bool` as 0 or 1) at
 * `address + elementBytes · (i · strides)`. Up to 16 bytes past the end of any buffer may be read, never written.
 */
export interface View {
  readonly address: Address;
  readonly dtype: DType;
  /** The logical shape, in the graph's axis order (NCHW). */
  readonly shape: Shape;
  /** One an axis, in elements; 0 broadcasts; negative walks backwards. */
  readonly strides: readonly number[];
  /** Zeros that may be read around this view: what a padded convolution needs. Rank 4 only. */
  readonly halo: Halo;
  /** The code that fills the halo of a view of codes. Default 0. */
  readonly fill?: number;
}

/** Axes from outermost to innermost in memory. */
export type Order = readonly number[];

/** The order of row-major memory. */
export const rowMajor = (rank: number): Order => Array.from({ length: rank }, (_, axis) => axis);

/** NHWC for rank 4; in general the channel axis 1 goes innermost. Ranks below 3 are row-major. */
export const channelsLast = (rank: number): Order =>
  rank < 3 ? rowMajor(rank) : [0, ...rowMajor(rank).slice(2), 1];

/** Strides, in elements, of a dense tensor stored in `order`, with a halo around H and W. */
export function denseStrides(shape: Shape, order: Order, halo: Halo = noHalo): number[] {
  const [top, left, bottom, right] = halo;
  const extents = [...shape];
  if (top + bottom > 0) extents[2]! += top + bottom;
  if (left + right > 0) extents[3]! += left + right;
  const strides = new Array<number>(shape.length).fill(1);
  let step = 1;
  for (let i = order.length - 1; i >= 0; i--) {
    strides[order[i]!] = step;
    step *= extents[order[i]!]!;
  }
  return strides;
}

/** Whether a view is stored without gaps in the given order; axes of extent 1 do not matter. */
export function isDense(view: View, order: Order): boolean {
  const dense = denseStrides(view.shape, order);
  return view.shape.every((extent, axis) => extent <= 1 || view.strides[axis] === dense[axis]);
}

/** The address `bytes` further on. */
export const moved = (address: Address, bytes: number): Address => ({
  buffer: address.buffer,
  byteOffset: address.byteOffset + bytes,
});
