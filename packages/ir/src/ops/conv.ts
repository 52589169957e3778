// Two-dimensional convolution, the op that most networks spend their time in.

import type { Builder } from '../builder.ts';
import { at, same, tied } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { elementCount } from '../types.ts';
import { expectDType, expectRank, extents4, isCount } from './checks.ts';
import { filled, scatterSlice } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { expectPrecision, type LayerPrecision } from './precision.ts';
import { expectSliding, insideTaps, type Sliding, slidingExtents } from './windows.ts';

/** How a convolution slides, and which channels it sees. */
export interface ConvAttrs extends Sliding, LayerPrecision {
  /** Channels are cut into so many groups, which do not see each other. */
  readonly groups: number;
}

/**
 * Convolves `[N, C, H, W]` with weights `[O, C/groups, R, S]` and adds a bias `[O]`.
 */
export const conv: Op<ConvAttrs, 3> = defineOp<ConvAttrs, 3>({
  name: 'conv',
  arity: 3,

  infer([x, w, bias], attrs) {
    for (const type of [x, w, bias]) expectDType('conv', type, 'f32');
    expectSliding('conv', attrs);
    expectPrecision('conv', attrs);
    expectRank('conv', bias, 1);
    const [n, c, h, width] = extents4('conv', x);
    const [o, i, r, s] = extents4('conv', w);
    const { groups } = attrs;
    if (!isCount(groups) || i * groups !== c || o % groups !== 0)
      throw badShape('conv', `weights [${w.shape}] in ${groups} groups do not fit ${c} channels`);
    if (bias.shape[0] !== o) throw badShape('conv', `bias [${bias.shape}] for ${o} outputs`);
    return { dtype: 'f32', shape: [n, o, ...slidingExtents('conv', [h, width], [r, s], attrs)] };
  },

  evaluate([x, w, bias], { stride, dilation, pads, groups }, y) {
    const [n, c, h, width] = extents4('conv', x.type);
    const [o, i, r, s] = extents4('conv', w.type);
    const [, , rows, columns] = extents4('conv', y.type);
    const sums = new Float64Array(columns);
    for (let image = 0; image < n; image++)
      for (let out = 0; out < o; out++) {
        const firstChannel = Math.floor(out / (o / groups)) * i;
        for (let row = 0; row < rows; row++) {
          sums.fill(bias.data[out]!);
          const top = row * stride[0] - pads[0];
          const [firstR, endR] = insideTaps(top, r, dilation[0], h);
          for (let channel = 0; channel < i; channel++)
            for (let tapR = firstR; tapR < endR; tapR++) {
              const line =
                ((image * c + firstChannel + channel) * h + top + tapR * dilation[0]) * width;
              for (let tapS = 0; tapS < s; tapS++) {
                const weight = w.data[((out * i + channel) * r + tapR) * s + tapS]!;
                const shift = tapS * dilation[1] - pads[1];
                // Columns whose tap lies inside the row.
                const [first, end] = insideTaps(shift, columns, stride[1], width);
                let from = line + first * stride[1] + shift;
                for (let column = first; column < end; column++, from += stride[1])
                  sums[column]! += weight * x.data[from]!;
              }
            }
          y.data.set(sums, ((image * o + out) * rows + row) * columns);
        }
      }
  },

  gradient(b, dy, attrs, { inputs: [x, w, bias] }) {
    const { stride, dilation, pads, groups } = attrs;
    if (elementCount(dy.type.shape) === 0)
      // the geometry of no windows has no adjoint
      return [x, w, bias].map(({ type }) => filled(b, type.shape, 0));
    const size = (axis: 0 | 1) =>
      (dy.type.shape[2 + axis]! - 1) * stride[axis] +
      dilation[axis] * (w.type.shape[2 + axis]! - 1) +
      1 -
      pads[axis] -
      pads[2 + axis]!;
    const outputPadding = [x.type.shape[2]! - size(0), x.type.shape[3]! - size(1)] as const;
    const zeros = filled(b, [x.type.shape[1]!], 0);
    return [
      (isDepthwise(attrs, x, w) && spread(b, x, dy, attrs, w, zeros)) ||
        b.convTranspose(dy, w, zeros, { stride, dilation, pads, outputPadding, groups }),
      weightGradient(b, x, dy, attrs, w),
      b.reduce(dy, { kind: 'sum', axes: [0, 2, 3], keepDims: false }),
    ];
  },

  channels(_attrs, [x, w]) {
    const [channels, perGroup] = [x.shape[1]!, w.shape[1]!];
    const outer = perGroup === 0 ? 1 : channels / perGroup;
    if (perGroup === 1 && outer > 1) {
      const inner = w.shape[0]! / channels;
      const rows = [at('output', 1, { inner }), at(1, 0, { inner }), at(2, 0, { inner })];
      return [...same(0), ...tied(at(0, 1), ...rows)];
    }
    // Groups stay of one size, so each of them gives up the same channel.
    return [
      ...same(0),
      ...tied(at(1, 1), at(0, 1, { outer })),
      ...tied(at('output', 1, { outer }), at(1, 0, { outer }), at(2, 0, { outer })),
    ];
  },

  macs: (_, [, w], y) => elementCount(y.shape) * elementCount(w.shape.slice(1)),
});

/**
 * The gradient of weights: images become channels and channels images, and what was the stride
 * becomes the dilation.
 *
 * @param x `[N, C, H, W]`, what was convolved.
 * @param dy `[N, O, H', W']`, the gradient of the result.
 */
export function weightGradient(
  b: Builder,
  x: Node,
  dy: Node,
  { stride, dilation, pads, groups }: ConvAttrs,
  w: Node,
): Node {
  const [n, c, h, width] = extents4('conv', x.type);
  const [o, i, r, s] = extents4('conv', w.type);
  if (groups === 1) return windowProduct(b, x, dy, { stride, dilation, pads }, w);
  if (isDepthwise({ groups }, x, w)) return tapProducts(b, x, dy, { stride, dilation, pads }, w);
  const split = b.reshape(x, { shape: [n, groups, c / groups, h, width] });
  const images = b.reshape(b.transpose(split, { perm: [2, 1, 0, 3, 4] }), {
    shape: [i, groups * n, h, width],
  });
  const taps = b.transpose(dy, { perm: [1, 0, 2, 3] });
  const sums = b.conv(images, taps, filled(b, [o], 0), {
    stride: dilation,
    dilation: stride,
    pads,
    groups,
  });
  const cut = b.slice(sums, { starts: [0, 0, 0, 0], sizes: [i, o, r, s], steps: [1, 1, 1, 1] });
  return b.transpose(cut, { perm: [1, 0, 2, 3] });
}

const isDepthwise = ({ groups }: Pick<ConvAttrs, 'groups'>, x: Node, w: Node): boolean =>
  groups > 1 && groups === x.type.shape[1] && groups === w.type.shape[0];

/**
 * The gradient of what a depthwise convolution reads: one with the window turned around, over the gradient of
 * its results with zeros between them. `undefined` where the padding is wider than the window.
 */
function spread(
  b: Builder,
  x: Node,
  dy: Node,
  { stride, dilation, pads, groups }: ConvAttrs,
  w: Node,
  zeros: Node,
): Node | undefined {
  const [n, c, ...extents] = extents4('conv', x.type);
  const [, , ...taps] = extents4('conv', w.type);
  const [, , ...results] = extents4('conv', dy.type);
  const apart = results.map((extent, axis) => (extent - 1) * stride[axis]! + 1);
  const reach = taps.map((extent, axis) => dilation[axis]! * (extent - 1));
  const before = reach.map((extent, axis) => extent - pads[axis]!);
  const after = extents.map((extent, axis) => extent - apart[axis]! + reach[axis]! - before[axis]!);
  if ([...before, ...after].some((extent) => extent < 0)) return undefined;
  const wide = stride.some((step) => step > 1)
    ? scatterSlice(b, dy, [n, c, ...apart], [0, 0, 0, 0], [1, 1, ...stride])
    : dy;
  const turned = b.slice(w, {
    starts: [0, 0, taps[0]! - 1, taps[1]! - 1],
    sizes: w.type.shape,
    steps: [1, 1, -1, -1],
  });
  return b.conv(wide, turned, zeros, {
    stride: [1, 1],
    dilation,
    pads: [before[0]!, before[1]!, after[0]!, after[1]!],
    groups,
  });
}

/** What each tap of a window reads, in the order of memory: `[N, C, H′, W′]`. */
function tapsOf(
  b: Builder,
  x: Node,
  dy: Node,
  { stride, dilation, pads }: Sliding,
  w: Node,
): Node[] {
  const [n, c] = extents4('conv', x.type);
  const [, , r, s] = extents4('conv', w.type);
  const [, , rows, columns] = extents4('conv', dy.type);
  const [top, left, bottom, right] = pads;
  const padded = pads.some((pad) => pad > 0)
    ? b.pad(x, { before: [0, 0, top, left], after: [0, 0, bottom, right], value: 0 })
    : x;
  return Array.from({ length: r * s }, (_, tap) => {
    const starts = [0, 0, Math.floor(tap / s) * dilation[0], (tap % s) * dilation[1]];
    return b.slice(padded, { starts, sizes: [n, c, rows, columns], steps: [1, 1, ...stride] });
  });
}

/** The gradient of depthwise weights, tap by tap. */
function tapProducts(b: Builder, x: Node, dy: Node, sliding: Sliding, w: Node): Node {
  const sums = tapsOf(b, x, dy, sliding, w).map((tap) =>
    b.reduce(b.scalar('mul', tap, dy), { kind: 'sum', axes: [0, 2, 3], keepDims: false }),
  );
  const rows = sums.map((sum) => b.reshape(sum, { shape: [1, sum.type.shape[0]!] }));
  const all = rows.length === 1 ? rows[0]! : b.concat(rows, { axis: 0 });
  return b.reshape(b.transpose(all, { perm: [1, 0] }), { shape: w.type.shape });
}

/** Rows of windows that one product takes: they and the gradients beside them stay in the caches. */
const rowsAtOnce = 256;

/** The gradient of weights without groups: the transpose of all windows times the gradient of their results. */
function windowProduct(b: Builder, x: Node, dy: Node, sliding: Sliding, w: Node): Node {
  const [o, c, r, s] = extents4('conv', w.type);
  const channelsLast = { perm: [0, 2, 3, 1] };
  const windows = tapsOf(b, x, dy, sliding, w).map((tap) => b.transpose(tap, channelsLast));
  const seen = windows.length === 1 ? windows[0]! : b.concat(windows, { axis: 3 });
  const count = elementCount(dy.type.shape) / o;
  let length = Math.min(count, rowsAtOnce);
  while (count % length !== 0) length--;
  const chunks = (node: Node, width: number) =>
    b.reshape(node, { shape: [count / length, length, width] });
  const products = b.matmul(
    b.transpose(chunks(seen, r * s * c), { perm: [0, 2, 1] }),
    chunks(b.transpose(dy, channelsLast), o),
  );
  const sum = b.reduce(products, { kind: 'sum', axes: [0], keepDims: false });
  return b.transpose(b.reshape(sum, { shape: [r, s, c, o] }), { perm: [3, 2, 0, 1] });
}
