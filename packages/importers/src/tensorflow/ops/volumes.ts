// Convolutions and pools over sequences and volumes.

import type { Node } from '@espalier/ir';
import { conv3d, pool3d, type VolumeSlide } from '../volumes.ts';
import { conv2d } from '../windows.ts';
import type { Operator, Operators, Site } from './operator.ts';

/** The three numbers of a list with an entry for each axis. */
function inner(site: Site, name: string, fallback?: readonly number[]): readonly number[] {
  const list = site.attributes.ints(name);
  if ((list === undefined || list.length === 0) && fallback) return fallback;
  if (list?.length !== 5 || list[0] !== 1 || list[4] !== 1)
    throw site.unsupported(`${name} [${list?.join(', ')}] of a volume`);
  if (list.some((value) => value < 1 || value > 2 ** 20)) throw site.bad(`${name} is [${list}]`);
  return list.slice(1, 4);
}

function paddingOf(site: Site): 'SAME' | 'VALID' {
  const padding = site.attributes.text('padding', 'VALID');
  if (padding !== 'SAME' && padding !== 'VALID') throw site.unsupported(`padding ${padding}`);
  return padding;
}

function slideOf(site: Site): VolumeSlide {
  const format = site.attributes.text('data_format', 'NDHWC');
  if (format !== 'NDHWC') throw site.unsupported(`data_format ${format}`);
  return {
    stride: inner(site, 'strides'),
    dilation: inner(site, 'dilations', [1, 1, 1]),
    padding: paddingOf(site),
  };
}

const pool =
  (kind: 'max' | 'average'): Operator =>
  (site) =>
    pool3d(site, kind, site.input(0), inner(site, 'ksize'), slideOf(site));

/** A sequence is an image of one row. */
function conv1d(site: Site): Node {
  const { b, attributes } = site;
  const [x, filter] = [site.input(0), site.input(1)];
  const format = attributes.text('data_format', 'NWC');
  const [stride, dilation] = [attributes.int('stride', 1), attributes.int('dilation', 1)];
  if (format !== 'NWC' || x.type.shape.length !== 3)
    throw site.unsupported(`data_format ${format} of rank ${x.type.shape.length}`);
  if (stride < 1 || dilation < 1) throw site.bad(`strides ${stride}, dilations ${dilation}`);
  const image = b.reshape(x, { shape: x.type.shape.toSpliced(1, 0, 1) });
  const weights = b.reshape(filter, { shape: [1, ...filter.type.shape] });
  const y = conv2d(
    site,
    { x: image, filter: weights },
    {
      format: 'NHWC',
      stride: [1, stride],
      dilation: [1, dilation],
      padding: paddingOf(site),
    },
  );
  return b.reshape(y, { shape: y.type.shape.toSpliced(1, 1) });
}

/** Operators over sequences and volumes, by name. */
export const volumes: Operators = {
  AvgPool3D: pool('average'),
  Conv1D: conv1d,
  Conv3D: (site) => conv3d(site, { x: site.input(0), filter: site.input(1) }, slideOf(site)),
  MaxPool3D: pool('max'),
};
