// Convolutions and pools, with what converters fuse into them.

import type { Node } from '@espalier/ir';
import { leakyRelu, unaryScalars } from '../scalars.ts';
import {
  conv2d,
  convTranspose2d,
  depthwiseConv2d,
  type Format,
  type Padding,
  type Pair,
  pool2d,
  type Slide,
} from '../windows.ts';
import { addBias } from './elementwise.ts';
import type { Operator, Operators, Site } from './operator.ts';

/** @throws {EspalierError} UNSUPPORTED_USE */
export function formatOf(site: Site): Format {
  const format = site.attributes.text('data_format', 'NHWC');
  if (format !== 'NHWC' && format !== 'NCHW') throw site.unsupported(`data_format ${format}`);
  return format;
}

/** Rows and columns of a list with an entry for each axis. @throws {EspalierError} BAD_MODEL, UNSUPPORTED_USE */
export function spatial(site: Site, name: string, format: Format, fallback?: Pair): Pair {
  const list = site.attributes.ints(name);
  if ((list === undefined || list.length === 0) && fallback) return fallback;
  if (list?.length !== 4) throw site.bad(`${name} is [${list?.join(', ')}]`);
  const rows = format === 'NCHW' ? 2 : 1;
  const pair = [list[rows]!, list[rows + 1]!] as const;
  const others = list.filter((_, axis) => axis !== rows && axis !== rows + 1);
  if (others.some((value) => value !== 1))
    throw site.unsupported(`${name} [${list.join(', ')}] over images or channels`);
  if (pair.some((value) => value < 1 || value > 2 ** 20))
    throw site.bad(`${name} is [${list.join(', ')}]`);
  return pair;
}

function paddingOf(site: Site, format: Format): Padding {
  const padding = site.attributes.text('padding', 'VALID');
  if (padding === 'SAME' || padding === 'VALID') return padding;
  if (padding !== 'EXPLICIT') throw site.bad(`padding ${padding}`);
  const list = site.attributes.ints('explicit_paddings') ?? [];
  const rows = format === 'NCHW' ? 4 : 2;
  const [top, bottom, left, right] = list.slice(rows, rows + 4);
  if (list.length !== 8 || list.some((value) => value < 0 || value > 2 ** 20))
    throw site.bad(`explicit_paddings [${list.join(', ')}]`);
  return [
    [top!, bottom!],
    [left!, right!],
  ];
}

/** How the window of an operator slides. @throws {EspalierError} BAD_MODEL, UNSUPPORTED_USE */
export function slideOf(site: Site, dilations = 'dilations'): Slide {
  const format = formatOf(site);
  return {
    format,
    stride: spatial(site, 'strides', format),
    dilation: spatial(site, dilations, format, [1, 1]),
    padding: paddingOf(site, format),
  };
}

type Product = (site: Site, bias: Node | undefined) => Node;

/** What follows a product in one of the fused operators: a bias, then an activation. */
export const fused =
  (product: Product, format: (site: Site) => Format): Operator =>
  (site) => {
    const { b, attributes } = site;
    const steps = attributes.texts('fused_ops').filter((step) => step !== '' && step !== 'noop');
    const biased = steps[0] === 'BiasAdd';
    const bias = biased ? site.input(2) : undefined;
    // A bias of one number, or of a whole tensor, is no list of channels.
    const own = bias?.type.shape.length === 1 ? bias : undefined;
    const plain = product(site, own);
    const y = bias && !own ? addBias(site, plain, bias, format(site)) : plain;
    const rest = biased ? steps.slice(1) : steps;
    return rest.reduce((x, name) => {
      if (name === 'Prelu') {
        const slope = site.input(biased ? 3 : 2);
        return b.scalar('select', b.scalar('ge', x, b.value(0)), x, b.scalar('mul', slope, x));
      }
      if (name === 'LeakyRelu')
        return b.map([x], { expr: leakyRelu(attributes.float('leakyrelu_alpha', 0.2)) });
      const expr = unaryScalars.get(name);
      if (!expr) throw site.unsupported(`the fused operator ${name}`);
      return b.map([x], { expr });
    }, y);
  };

const operands = (site: Site, bias?: Node) => ({ x: site.input(0), filter: site.input(1), bias });

const conv: Product = (site, bias) => {
  const channels = site.input(1).type.shape[3];
  const own = bias?.type.shape[0] === channels ? bias : undefined;
  const y = conv2d(site, operands(site, own), slideOf(site));
  return bias && !own ? addBias(site, y, bias, formatOf(site)) : y;
};

const depthwise: Product = (site, bias) =>
  depthwiseConv2d(site, operands(site, bias), slideOf(site));

function convBackward(site: Site): Node {
  const slide = slideOf(site);
  const size = site.numbers(0);
  const rows = slide.format === 'NCHW' ? 2 : 1;
  const [h, w] = size.slice(size.length === 4 ? rows : 0);
  if (h === undefined || w === undefined || h < 0 || w < 0)
    throw site.bad(`input_sizes [${size.join(', ')}]`);
  const given = { x: site.input(2), filter: site.input(1) };
  return convTranspose2d(site, given, slide, [h, w]);
}

const pool =
  (kind: 'max' | 'average'): Operator =>
  (site) => {
    const slide = { ...slideOf(site), dilation: [1, 1] as const };
    return pool2d(site, kind, site.input(0), spatial(site, 'ksize', slide.format), slide);
  };

/** Convolutions and pools, by name. */
export const convolutions: Operators = {
  AvgPool: pool('average'),
  Conv2D: (site) => conv(site, undefined),
  Conv2DBackpropInput: convBackward,
  DepthwiseConv2d: (site) => depthwise(site, undefined),
  DepthwiseConv2dNative: (site) => depthwise(site, undefined),
  FusedDepthwiseConv2dNative: fused(depthwise, formatOf),
  MaxPool: pool('max'),
  _FusedConv2D: fused(conv, formatOf),
};
