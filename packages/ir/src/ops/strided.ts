// Reading a tensor along strides: what all data movers do.

import type { Tensor } from '../types.ts';

/** Fills `y` row-major with `x` at `offset + index · strides`; strides are in elements. */
export function readStrided(
  x: Tensor,
  offset: number,
  strides: readonly number[],
  y: Tensor,
): void {
  const { shape } = y.type;
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < y.data.length; to++) {
    y.data[to] = x.data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * index[axis]!;
      index[axis] = 0;
    }
  }
}
