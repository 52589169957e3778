// Convolutions and matrix products of small integers: as floats, in parts whose sums are exact.

import { arg, call, elementCount, literal, type Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { convolution } from './conv.ts';
import { product } from './products.ts';
import { rangeOf, saturated } from './quantize.ts';
import { sliceAxis } from './select.ts';

/** Integers up to this one are exact in f32, and so are sums below it. */
const exact = 2 ** 24;

/** The greatest magnitude of a difference of two 8-bit integers. */
const widest = 255;

/** An integer less its zero point, as f32; a list of zero points lies along `axis`. */
function centred(site: Site, x: Node, zero: Node | undefined, axis: number): Node {
  const { b } = site;
  if (x.type.dtype !== 'i32') throw site.bad('multiplies what is not an integer');
  if (zero === undefined) return b.scalar('toF32', x);
  const count = elementCount(zero.type.shape);
  const rank = x.type.shape.length;
  const shape =
    count === 1
      ? []
      : zero.type.shape.length > 1
        ? zero.type.shape
        : Array.from({ length: rank }, (_, a) => (a === axis ? count : 1));
  const difference = b.scalar('sub', x, b.reshape(zero, { shape }));
  return b.scalar('toF32', difference);
}

/** How many terms of a sum may be added at once, from the weights where they are known. */
function exactTerms(site: Site, weights: Node, depth: number): number {
  const known = weights.kind === 'constant' ? weights.value : site.known(weights);
  const most = known
    ? Array.from(known.data).reduce((max, w) => Math.max(max, Math.abs(w)), 1)
    : widest;
  return Math.max(1, Math.min(depth, Math.floor((exact - 1) / (most * widest))));
}

/** Sums parts of at most `terms` along the summed axis, in i32 where there are several. */
function inParts(
  { b }: Site,
  depth: number,
  terms: number,
  part: (start: number, size: number) => Node,
): Node {
  let sum: Node | undefined;
  for (let start = 0; start < depth; start += terms) {
    const next = b.scalar('toI32', part(start, Math.min(terms, depth - start)));
    sum = sum ? b.scalar('add', sum, next) : next;
  }
  return sum ?? b.scalar('toI32', part(0, 0));
}

/** `x·w` over `[…, M, K]` and `[…, K, N]`, exact, in i32. */
export function integerProduct(site: Site, x: Node, w: Node): Node {
  const depth = x.type.shape.at(-1) ?? 1;
  const axis = Math.max(0, w.type.shape.length - 2);
  const terms = exactTerms(site, w, depth);
  if (terms >= depth) return site.b.scalar('toI32', product(site, x, w));
  return inParts(site, depth, terms, (start, size) =>
    product(
      site,
      sliceAxis(site, x, x.type.shape.length - 1, start, size),
      sliceAxis(site, w, axis, start, size),
    ),
  );
}

/** A convolution of x with w, exact, in i32. */
function integerConvolution(site: Site, x: Node, w: Node): Node {
  const { b } = site;
  const [, depth, ...taps] = w.type.shape as [number, number, ...number[]];
  const most = exactTerms(site, w, depth * elementCount(taps));
  const terms = Math.max(1, Math.floor(most / elementCount(taps)));
  if (elementCount(taps) > most) throw site.unsupported(`integer sums over [${taps.join(', ')}]`);
  if (terms >= depth) return b.scalar('toI32', convolution(site, x, w, undefined));
  return inParts(site, depth, terms, (start, size) => {
    // Other inputs of each group count nothing.
    const part = sliceAxis(site, w, 1, start, size);
    const around = (channels: number) => w.type.shape.map((_, a) => (a === 1 ? channels : 0));
    const weights = b.pad(part, {
      before: around(start),
      after: around(depth - start - size),
      value: 0,
    });
    return convolution(site, x, weights, undefined);
  });
}

/** A scale or several, those along `axis` of a result of rank `rank`. */
function along({ b }: Site, node: Node, axis: number, rank: number): Node {
  const count = elementCount(node.type.shape);
  if (count === 1) return b.reshape(node, { shape: [] });
  if (node.type.shape.length > 1) return node;
  return b.reshape(node, {
    shape: Array.from({ length: rank }, (_, a) => (a === axis ? count : 1)),
  });
}

/** An exact sum, scaled and cut to the range of the zero point's type. */
function requantized(
  site: Site,
  sum: Node,
  scales: readonly [x: Node, w: Node, y: Node],
  zeroAt: number,
): Node {
  const { b } = site;
  const factor = call('div', call('mul', arg(1), arg(2)), arg(3));
  const ratio = call('mul', call('toF32', arg(0)), factor);
  const range = rangeOf(site, site.element(zeroAt) ?? 2);
  const zero = site.optional(zeroAt);
  const operands = [sum, ...scales, ...(zero ? [b.reshape(zero, { shape: [] })] : [])];
  const offset = zero ? call('toF32', arg(4)) : literal(0);
  return b.map(operands, { expr: saturated(ratio, offset, range) });
}

function qLinearConv(site: Site): Node {
  const x = centred(site, site.input(0), site.optional(2), 1);
  const w = centred(site, site.input(3), site.optional(5), 0);
  const rank = x.type.shape.length;
  let sum = integerConvolution(site, x, w);
  const bias = site.optional(8);
  if (bias) sum = site.b.scalar('add', sum, along(site, bias, 1, rank));
  const scales = [site.input(1), along(site, site.input(4), 1, rank), site.input(6)] as const;
  return requantized(
    site,
    sum,
    [along(site, scales[0], 1, rank), scales[1], along(site, scales[2], 1, rank)],
    7,
  );
}

function qLinearMatMul(site: Site): Node {
  const sum = integerProduct(site, qLinear.left(site, 0, 2), qLinear.right(site, 3, 5));
  const rank = sum.type.shape.length;
  return requantized(
    site,
    sum,
    [
      along(site, site.input(1), rank - 2, rank),
      along(site, site.input(4), rank - 1, rank),
      along(site, site.input(6), rank - 1, rank),
    ],
    7,
  );
}

/** Operands of a matrix product less their zero points: those of rows on the left, of columns on the right. */
export const qLinear = {
  left: (site: Site, x: number, zero: number): Node => {
    const a = site.input(x);
    return centred(site, a, site.optional(zero), Math.max(0, a.type.shape.length - 2));
  },
  right: (site: Site, x: number, zero: number): Node => {
    const w = site.input(x);
    return centred(site, w, site.optional(zero), w.type.shape.length - 1);
  },
} as const;

/** Products of small integers, by ONNX name. */
export const integerProducts: Importers = {
  ConvInteger: {
    import: (site) =>
      integerConvolution(
        site,
        centred(site, site.input(0), site.optional(2), 1),
        centred(site, site.input(1), site.optional(3), 0),
      ),
  },
  MatMulInteger: {
    import: (site) => integerProduct(site, qLinear.left(site, 0, 2), qLinear.right(site, 1, 3)),
  },
  QLinearConv: { element: (site) => site.element(7), import: qLinearConv },
  QLinearMatMul: { element: (site) => site.element(7), import: qLinearMatMul },
};
