// Columns of patches added up to an image.

import { elementCount, type Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';

/** A transposed convolution of each channel whose weights put every patch's elements in their places. */
function col2im(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const [image, block] = [site.requiredInts(1), site.requiredInts(2)];
  if (image.length !== 2 || block.length !== 2) throw site.unsupported(`${image.length} axes`);
  const pair = (name: string, fallback: number) => attributes.ints(name) ?? [fallback, fallback];
  const [stride, dilation] = [pair('strides', 1), pair('dilations', 1)];
  const [top = 0, left = 0, bottom = 0, right = 0] = attributes.ints('pads') ?? [];
  const padded = [image[0]! + top + bottom, image[1]! + left + right];
  const reach = block.map((size, i) => dilation[i]! * (size - 1) + 1);
  const places = padded.map((size, i) => Math.floor((size - reach[i]!) / stride[i]!) + 1);
  const taps = elementCount(block);
  const [batch = 0, rows = 0, columns = 0] = x.type.shape;
  const channels = rows / taps;
  if (
    x.type.shape.length !== 3 ||
    !Number.isInteger(channels) ||
    columns !== places[0]! * places[1]!
  )
    throw site.bad(`columns [${x.type.shape.join(', ')}] of an image [${image.join(', ')}]`);
  const data = new Float32Array(site.claim(rows * taps, 'the places of patches'));
  for (let row = 0; row < rows; row++) data[row * taps + (row % taps)] = 1;
  const w = b.constant({ type: { dtype: 'f32', shape: [rows, 1, block[0]!, block[1]!] }, data });
  const spread = b.reshape(x, { shape: [batch, rows, places[0]!, places[1]!] });
  const outputPadding = padded.map(
    (size, i) => size - ((places[i]! - 1) * stride[i]! + reach[i]!),
  ) as [number, number];
  return b.convTranspose(spread, w, site.zeros(channels), {
    stride: [stride[0]!, stride[1]!],
    dilation: [dilation[0]!, dilation[1]!],
    pads: [top, left, bottom, right],
    outputPadding,
    groups: channels,
  });
}

/** Patches, by ONNX name. */
export const patches: Importers = { Col2Im: { note: 'of images', import: col2im } };
