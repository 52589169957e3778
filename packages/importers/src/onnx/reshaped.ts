// Reshapes that cost nothing: constants are made anew over the same elements.

import { type Builder, type Node, type Shape, sameShape } from '@espalier/ir';

/** `x` in another shape of as many elements. */
export function reshaped(b: Builder, x: Node, shape: Shape): Node {
  if (sameShape(x.type.shape, shape)) return x;
  return x.kind === 'constant'
    ? b.constant({ type: { ...x.type, shape }, data: x.value.data }, x.name)
    : b.reshape(x, { shape });
}

/** Swaps two adjacent axes, `axis` and the next. */
export function swapped(b: Builder, x: Node, axis: number): Node {
  const perm = x.type.shape.map((_, i) => i);
  perm[axis] = axis + 1;
  perm[axis + 1] = axis;
  return b.transpose(x, { perm });
}
