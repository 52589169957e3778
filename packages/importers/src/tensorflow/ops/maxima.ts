// Windows of which the greatest element counts, with an addend for each place of the window, or with where it is.

import type { Node } from '@espalier/ir';
import { borrowAll } from '../borrow.ts';
import { reshaped, sliceAxis } from '../room.ts';
import { channelsBack, channelsFirst, sliding } from '../windows.ts';
import { slideOf, spatial } from './convolutions.ts';
import type { Operators, Site } from './operator.ts';

/** Each place in a window is a slice of its own: more would make an absurd graph. */
const mostTaps = 1024;

/** `max(x + filter)` over windows of an image, with a filter `[R, S, C]`. */
function dilate(site: Site): Node {
  const { b } = site;
  const filter = site.input(1);
  const [r, s, c] = filter.type.shape;
  if (c === undefined || filter.type.shape.length !== 3)
    throw site.bad(`a filter of rank ${filter.type.shape.length}`);
  if (r! * s! < 1 || r! * s! > mostTaps) throw site.unsupported(`windows of ${r} by ${s}`);
  const slide = slideOf(site, 'rates');
  const image = channelsFirst(site, site.input(0), 'NHWC');
  const { pads, stride, dilation } = sliding(image, [r!, s!], slide);
  const padded = b.pad(image, {
    before: [0, 0, pads[0], pads[1]],
    after: [0, 0, pads[2], pads[3]],
    value: Number.NEGATIVE_INFINITY,
  });
  const [n, channels, h, w] = padded.type.shape as readonly [number, number, number, number];
  if (channels !== c) throw site.bad(`a filter of ${c} channels over ${channels}`);
  const rows = Math.floor((h - (r! - 1) * dilation[0] - 1) / stride[0]) + 1;
  const columns = Math.floor((w - (s! - 1) * dilation[1] - 1) / stride[1]) + 1;
  if (rows < 1 || columns < 1) throw site.bad(`windows of ${r} by ${s} over ${h} by ${w}`);
  const taps = Array.from({ length: r! * s! }, (_, i) => {
    const [row, column] = [Math.floor(i / s!), i % s!];
    const part = b.slice(padded, {
      starts: [0, 0, row * dilation[0], column * dilation[1]],
      sizes: [n, c, rows, columns],
      steps: [1, 1, ...stride],
    });
    const own = sliceAxis(site, sliceAxis(site, filter, 0, row, 1), 1, column, 1);
    return b.scalar('add', part, reshaped(site, own, [1, c, 1, 1]));
  });
  return channelsBack(
    site,
    taps.reduce((most, tap) => b.scalar('max', most, tap)),
    'NHWC',
  );
}

/** The maxima of windows, and where they are in the flattened image or batch of images. */
function poolWithPlaces(site: Site): Node[] {
  const { b } = site;
  const slide = slideOf(site);
  if (slide.format !== 'NHWC') throw site.unsupported('places of maxima of NCHW');
  const kernel = spatial(site, 'ksize', slide.format);
  const image = channelsFirst(site, site.input(0), slide.format);
  const { pads } = sliding(image, kernel, { ...slide, dilation: [1, 1] });
  const given = { kernel_shape: kernel, strides: slide.stride, pads };
  const [most, index] = borrowAll(site, 'MaxPool', [image], given, 2);
  const [, c, h, w] = image.type.shape as readonly [number, number, number, number];
  // From (n·C + c)·H·W + place to place·C + c, with n·H·W·C before it if asked for.
  const area = b.value(h * w, 'i32');
  const plane = b.scalar('div', index!, area);
  const place = b.scalar('mod', index!, area);
  const channels = b.value(c, 'i32');
  const within = b.scalar(
    'add',
    b.scalar('mul', place, channels),
    b.scalar('mod', plane, channels),
  );
  const size = b.value(h * w * c, 'i32');
  const before = b.scalar('mul', b.scalar('div', plane, channels), size);
  const batched = site.attributes.flag('include_batch_in_index', false);
  const at = batched ? b.scalar('add', within, before) : within;
  return [channelsBack(site, most!, 'NHWC'), channelsBack(site, at, 'NHWC')];
}

/** Windows and their greatest elements, by name. */
export const maxima: Operators = {
  Dilation2D: dilate,
  MaxPoolWithArgmax: poolWithPlaces,
};
