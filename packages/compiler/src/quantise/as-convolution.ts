// Hosts as convolutions: a linear layer is one of a single tap, and its rows are pixels.

import {
  type AttrsOf,
  type Builder,
  elementCount,
  type Node,
  type OpNode,
  type Tensor,
} from '@espalier/ir';

/** How a host slides. */
export const slidingOf = (node: OpNode): Omit<AttrsOf<'convInteger'>, 'zero'> =>
  node.op === 'conv'
    ? (node.attrs as AttrsOf<'conv'>) // its op says so
    : { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 };

/** Weights `[O, K]` as `[O, K, 1, 1]`; those of a convolution as they are. */
export function asKernel({ type, data }: Tensor): Tensor {
  const [o, k, r = 1, s = 1] = type.shape as [number, number, number?, number?];
  return { type: { ...type, shape: [o, k, r, s] }, data };
}

/** An operand of a host as one of a convolution: `[…, K]` as `[1, K, 1, M]`. */
export function asImage(b: Builder, host: OpNode, value: Node): Node {
  if (host.op === 'conv') return value;
  const { shape } = value.type;
  const k = shape.at(-1) ?? 1;
  const m = elementCount(shape.slice(0, -1));
  // One row for all is one value for each channel.
  if (m === 1 && elementCount(host.type.shape.slice(0, -1)) !== 1)
    return b.reshape(value, { shape: [k, 1, 1] });
  return b.transpose(b.reshape(value, { shape: [1, 1, m, k] }), { perm: [0, 3, 1, 2] });
}

/** The result of a convolution in the shape of its host. */
export const asResult = (b: Builder, { op, type }: OpNode, value: Node): Node =>
  op === 'conv'
    ? value
    : b.reshape(b.transpose(value, { perm: [0, 2, 3, 1] }), { shape: type.shape });
