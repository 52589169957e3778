// Convolutions and pools over images whose channels come last, as TensorFlow defines them.

import type { Node } from '@espalier/ir';
import { type Room, reshaped, transposed, zeros } from './room.ts';

/** Where the channels of an image are. */
export type Format = 'NHWC' | 'NCHW';

/** A number for rows and one for columns. */
export type Pair = readonly [number, number];

/** `SAME` gives `⌈input / stride⌉` outputs, `VALID` pads nothing; or rows and columns before and after. */
export type Padding = 'SAME' | 'VALID' | readonly [rows: Pair, columns: Pair];

/** How a window slides over an image. */
export interface Slide {
  readonly format: Format;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}

const first = [0, 3, 1, 2];
const last = [0, 2, 3, 1];

/** An image as the graph's ops take it, `[N, C, H, W]`. */
export function channelsFirst(room: Room, x: Node, format: Format): Node {
  if (x.type.shape.length !== 4) throw room.bad(`an image of rank ${x.type.shape.length}`);
  return format === 'NCHW' ? x : room.b.transpose(x, { perm: first });
}

/** The way back. */
export const channelsBack = ({ b }: Room, x: Node, format: Format): Node =>
  format === 'NCHW' ? x : b.transpose(x, { perm: last });

/** Padding before and after along one axis. */
function around(input: number, kernel: number, slide: Slide, axis: 0 | 1): Pair {
  const { stride, dilation, padding } = slide;
  if (padding === 'VALID') return [0, 0];
  if (padding !== 'SAME') return padding[axis];
  const outputs = Math.ceil(input / stride[axis]);
  const reach = (kernel - 1) * dilation[axis] + 1;
  const total = Math.max(0, (outputs - 1) * stride[axis] + reach - input);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** Attributes of an op over `[N, C, H, W]`. */
export function sliding(x: Node, kernel: Pair, slide: Slide) {
  const [, , h, w] = x.type.shape as [number, number, number, number]; // `channelsFirst` has seen to it
  const [top, bottom] = around(h, kernel[0], slide, 0);
  const [left, right] = around(w, kernel[1], slide, 1);
  const { stride, dilation } = slide;
  return { stride, dilation, pads: [top, left, bottom, right] as const };
}

function filterOf(room: Room, filter: Node): readonly [number, number, number, number] {
  const { shape } = filter.type;
  if (shape.length !== 4 || shape.some((extent) => extent < 1))
    throw room.bad(`a filter of [${shape.join(', ')}]`);
  return shape as readonly [number, number, number, number]; // its rank has just been checked
}

/** What a convolution takes: an image, a filter and perhaps a bias. */
export interface Convolved {
  readonly x: Node;
  readonly filter: Node;
  readonly bias?: Node | undefined;
}

/** Convolution with a filter `[R, S, I, O]`; `C / I` groups. */
export function conv2d(room: Room, { x, filter, bias }: Convolved, slide: Slide): Node {
  filterOf(room, filter);
  return convolve(room, { x, filter: transposed(room, filter, [3, 2, 0, 1]), bias }, slide);
}

/** Convolution with a filter `[O, I, R, S]`, as the graph has it; `C / I` groups. */
export function convolve(room: Room, { x, filter, bias }: Convolved, slide: Slide): Node {
  const [o, i, r, s] = filterOf(room, filter);
  const image = channelsFirst(room, x, slide.format);
  const groups = image.type.shape[1]! / i;
  if (!Number.isInteger(groups) || groups < 1)
    throw room.bad(`a filter of ${i} channels over ${image.type.shape[1]}`);
  const attrs = { ...sliding(image, [r, s], slide), groups };
  return channelsBack(
    room,
    room.b.conv(image, filter, bias ?? zeros(room, o), attrs),
    slide.format,
  );
}

/** Convolution of each channel with filters `[R, S, C, M]` of its own, to `C · M` channels. */
export function depthwiseConv2d(room: Room, { x, filter, bias }: Convolved, slide: Slide): Node {
  const [r, s, c, m] = filterOf(room, filter);
  const image = channelsFirst(room, x, slide.format);
  if (image.type.shape[1] !== c)
    throw room.bad(`filters of ${c} channels over ${image.type.shape[1]}`);
  const weights = reshaped(room, transposed(room, filter, [2, 3, 0, 1]), [c * m, 1, r, s]);
  const attrs = { ...sliding(image, [r, s], slide), groups: c };
  const y = room.b.conv(image, weights, bias ?? zeros(room, c * m), attrs);
  return channelsBack(room, y, slide.format);
}

/** The adjoint of a convolution from images of `size`, with its filter `[R, S, O, I]`. */
export function convTranspose2d(
  room: Room,
  { x, filter, bias }: Convolved,
  slide: Slide,
  size: Pair,
): Node {
  filterOf(room, filter);
  return upConvolve(room, { x, filter: transposed(room, filter, [3, 2, 0, 1]), bias }, slide, size);
}

/** The same with a filter `[I, O, R, S]`, as the graph has it. */
export function upConvolve(
  room: Room,
  { x, filter, bias }: Convolved,
  slide: Slide,
  size: Pair,
): Node {
  const [, o, r, s] = filterOf(room, filter);
  const kernel = [r, s] as const;
  const image = channelsFirst(room, x, slide.format);
  const axes = ([0, 1] as const).map((axis) => {
    const [before, after] = around(size[axis], kernel[axis], slide, axis);
    const reach = (kernel[axis] - 1) * slide.dilation[axis] + 1;
    const full = (image.type.shape[2 + axis]! - 1) * slide.stride[axis] + reach;
    const extra = size[axis] - (full - before - after);
    if (extra < 0) throw room.bad(`a result of ${size[axis]} where ${size[axis] - extra} fit`);
    return { before, after, extra };
  });
  const [rows, columns] = axes;
  const y = room.b.convTranspose(image, filter, bias ?? zeros(room, o), {
    stride: slide.stride,
    dilation: slide.dilation,
    pads: [rows!.before, columns!.before, rows!.after, columns!.after],
    outputPadding: [rows!.extra, columns!.extra],
    groups: 1,
  });
  return channelsBack(room, y, slide.format);
}

/** The greatest element or the mean of each window; padding counts for neither. */
export function pool2d(
  room: Room,
  kind: 'max' | 'average',
  x: Node,
  kernel: Pair,
  slide: Slide,
): Node {
  const floats = x.type.dtype === 'f32' ? x : room.b.scalar('toF32', x);
  const image = channelsFirst(room, floats, slide.format);
  const attrs = { kernel, ...sliding(image, kernel, slide) };
  const y =
    kind === 'max'
      ? room.b.maxPool(image, attrs)
      : room.b.avgPool(image, { ...attrs, countPads: false });
  const back = channelsBack(room, y, slide.format);
  return x.type.dtype === 'f32' ? back : room.b.scalar('toI32', back);
}

/** Resizing of rows and columns, as TensorFlow's two kernels do it. */
export function resize2d(
  room: Room,
  x: Node,
  {
    mode,
    size,
    format,
    corners,
    centres,
  }: {
    readonly mode: 'nearest' | 'linear';
    readonly size: Pair;
    readonly format: Format;
    /** Whether the corner pixels lie on each other. */
    readonly corners: boolean;
    /** Whether pixels are squares, with their centres at halves. */
    readonly centres: boolean;
  },
): Node {
  const floats = x.type.dtype === 'f32' ? x : room.b.scalar('toF32', x);
  const image = channelsFirst(room, floats, format);
  const axes = ([0, 1] as const).flatMap((i) => {
    const axis = 2 + i;
    const input = image.type.shape[axis]!;
    const outLength = size[i];
    if (input < 1 || outLength < 1) throw room.bad(`resizes ${input} to ${outLength}`);
    room.claim(16 * outLength, 'a table of the resized axis');
    return input === outLength ? [] : [{ axis, outLength, scale: outLength / input }];
  });
  const half = mode === 'nearest' ? 'tf_half_pixel_for_nn' : 'half_pixel';
  const y =
    axes.length === 0
      ? image
      : room.b.resize(image, {
          mode,
          axes,
          coordinates: corners ? 'align_corners' : centres ? half : 'asymmetric',
          nearest: corners ? 'round_prefer_ceil' : 'floor',
          cubicA: -0.75,
          excludeOutside: false,
          antialias: false,
          extrapolation: 0,
        });
  const back = channelsBack(room, y, format);
  return x.type.dtype === 'i32' && mode === 'nearest' ? room.b.scalar('toI32', back) : back;
}

/** Channels into space, the position in the block the outer part of a channel's index. */
export function depthToSpace2d(room: Room, x: Node, block: number, format: Format): Node {
  const image = channelsFirst(room, x, format);
  const y = room.b.depthToSpace(image, { block, mode: 'DCR' });
  return channelsBack(room, y, format);
}
