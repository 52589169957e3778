// Convolutions and pools over volumes whose channels come last, by ONNX's importers.

import type { Node } from '@espalier/ir';
import { borrow } from './borrow.ts';
import { type Room, transposed } from './room.ts';
import type { Convolved } from './windows.ts';

/** How a window slides over a volume. */
export interface VolumeSlide {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: 'SAME' | 'VALID';
}

const attributesOf = ({ stride, dilation, padding }: VolumeSlide) => ({
  strides: stride,
  dilations: dilation,
  auto_pad: padding === 'SAME' ? 'SAME_UPPER' : 'VALID',
});

function volume(room: Room, x: Node): Node {
  if (x.type.shape.length !== 5) throw room.bad(`a volume of rank ${x.type.shape.length}`);
  return room.b.transpose(x, { perm: [0, 4, 1, 2, 3] });
}

const back = ({ b }: Room, y: Node): Node => b.transpose(y, { perm: [0, 2, 3, 4, 1] });

/** Convolution of `[N, D, H, W, I]` with a filter `[Q, R, S, I, O]`. */
export function conv3d(room: Room, { x, filter, bias }: Convolved, slide: VolumeSlide): Node {
  if (filter.type.shape.length !== 5)
    throw room.bad(`a filter of rank ${filter.type.shape.length}`);
  const weights = transposed(room, filter, [4, 3, 0, 1, 2]);
  return back(room, borrow(room, 'Conv', [volume(room, x), weights, bias], attributesOf(slide)));
}

/** The adjoint of a convolution from volumes of `size`, with its filter `[Q, R, S, O, I]`. */
export function convTranspose3d(
  room: Room,
  { x, filter, bias }: Convolved,
  { stride, dilation }: VolumeSlide,
  size: readonly number[],
): Node {
  const weights = transposed(room, filter, [4, 3, 0, 1, 2]);
  // With its shape given, a half of what is cut goes before, the rest behind.
  const attributes = {
    strides: stride,
    dilations: dilation,
    auto_pad: 'SAME_UPPER',
    output_shape: size,
  };
  return back(room, borrow(room, 'ConvTranspose', [volume(room, x), weights, bias], attributes));
}

/** The greatest element or the mean of each window; padding counts for neither. */
export function pool3d(
  room: Room,
  kind: 'max' | 'average',
  x: Node,
  kernel: readonly number[],
  slide: VolumeSlide,
): Node {
  const { dilations: _, ...attributes } = attributesOf(slide);
  const op = kind === 'max' ? 'MaxPool' : 'AveragePool';
  return back(room, borrow(room, op, [volume(room, x)], { kernel_shape: kernel, ...attributes }));
}
