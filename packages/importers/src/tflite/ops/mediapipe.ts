// Operators of MediaPipe's own. Their options are the structures of TensorFlow Lite's kernels: whole numbers in a row.

import { arg, call, elementCount, literal, type Node } from '@espalier/ir';
import { padded } from '../../tensorflow/ops/movers.ts';
import { transposed } from '../../tensorflow/room.ts';
import { type Pair, type Slide, upConvolve } from '../../tensorflow/windows.ts';
import type { Operators, Site } from '../operator.ts';

/** Each place in a window is a slice of its own: more would make an absurd graph. */
const mostTaps = 1024;

/** The `count` numbers of a structure; all but the first, the kind of padding, are lengths. */
function structure(site: Site, count: number): number[] {
  const bytes = site.customOptions;
  if (bytes.length < 4 * count) throw site.bad(`options of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list = Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
  const [padding, ...lengths] = list;
  if (padding !== 1 && padding !== 2) throw site.bad(`padding ${padding}`);
  if (lengths.some((length) => length < 1 || length > 2 ** 16))
    throw site.bad(`options [${list.join(', ')}]`);
  return list;
}

const isSame = (padding: number | undefined): boolean => padding === 1;

/** The adjoint of a convolution with a filter `[O, R, S, I]`; what SAME cuts off depends on the extent. */
function up(site: Site): Node {
  const [padding, columns, rows] = structure(site, 3);
  const [x, filter, bias] = [0, 1, 2].map(site.input);
  const stride = [rows!, columns!] as const;
  if (x!.type.shape.length !== 4 || filter!.type.shape.length !== 4)
    throw site.bad(`an image of rank ${x!.type.shape.length}`);
  const axes = ([0, 1] as const).map((i) => {
    const [extent, kernel] = [x!.type.shape[1 + i]!, filter!.type.shape[1 + i]!];
    const cut = isSame(padding) ? Math.max(0, kernel - ((extent - 1) % stride[i]) - 1) : 0;
    const before = Math.floor(cut / 2);
    return { cut: [before, cut - before] as const, size: stride[i] * (extent - 1) + kernel - cut };
  });
  const slide: Slide = {
    format: 'NHWC',
    stride,
    dilation: [1, 1],
    padding: [axes[0]!.cut, axes[1]!.cut],
  };
  const weights = transposed(site, filter!, [3, 0, 1, 2]);
  const operands = { x: x!, filter: weights, bias: bias! };
  return upConvolve(site, operands, slide, [axes[0]!.size, axes[1]!.size]);
}

/** The taps of a window, row by row. */
const taps = ([rows, columns]: Pair): Pair[] =>
  Array.from({ length: rows * columns }, (_, i): Pair => [Math.floor(i / columns), i % columns]);

/** What the model adds to indices, so that truncation finds them again. */
const indexShift = 0.1;

/** The maximum of each window, and its place in the window, the first where several are equal. */
function maxPool(site: Site): Node[] {
  const { b } = site;
  const [padding, stepX, stepY, columns, rows] = structure(site, 5);
  const x = site.input(0);
  const [n, h, w, c] = x.type.shape;
  if (c === undefined || x.type.shape.length !== 4) throw site.bad('pools what is no image');
  const kernel: Pair = [rows!, columns!];
  if (elementCount(kernel) > mostTaps) throw site.unsupported(`windows of ${rows} by ${columns}`);
  const axes = [
    { extent: h!, kernel: rows!, stride: stepY! },
    { extent: w!, kernel: columns!, stride: stepX! },
  ].map((axis) => {
    const room = isSame(padding)
      ? axis.extent + axis.stride - 1
      : axis.extent - axis.kernel + axis.stride;
    const output = Math.max(0, Math.floor(room / axis.stride));
    const reach = (output - 1) * axis.stride + axis.kernel;
    const total = Math.max(0, reach - axis.extent);
    return { ...axis, output, before: Math.floor(total / 2), after: total - Math.floor(total / 2) };
  });
  const [top, left] = [axes[0]!, axes[1]!];
  const around = [
    [0, 0],
    [top.before, top.after],
    [left.before, left.after],
    [0, 0],
  ] as const;
  const image = padded(site, x, around, Number.NEGATIVE_INFINITY);
  const tap = ([row, column]: Pair): Node =>
    b.slice(image, {
      starts: [0, row, column, 0],
      sizes: [n!, top.output, left.output, c],
      steps: [1, top.stride, left.stride, 1],
    });
  const wins = call('gt', arg(0), arg(1));
  const [first, ...others] = taps(kernel);
  const start = tap(first!);
  const best = others.reduce(
    ({ value, index }, place, i) => {
      const next = tap(place);
      return {
        value: b.map([next, value], { expr: call('select', wins, arg(0), arg(1)) }),
        index: b.map([next, value, index], { expr: call('select', wins, literal(i + 1), arg(2)) }),
      };
    },
    { value: start, index: b.expand(b.value(0), { shape: start.type.shape }) },
  );
  return [best.value, b.scalar('add', best.index, b.value(indexShift))];
}

/** Values at the places that indices name, each in a window of its own; zeros elsewhere. */
function unpool(site: Site): Node {
  const { b } = site;
  const [, stepX, stepY, columns, rows] = structure(site, 5);
  if (stepX !== columns || stepY !== rows) throw site.unsupported('windows that overlap');
  const [x, index] = [site.input(0), site.input(1)];
  const [n, h, w, c] = x.type.shape;
  if (c === undefined || x.type.shape.length !== 4) throw site.bad('spreads what is no image');
  if (rows! * columns! > mostTaps) throw site.unsupported(`windows of ${rows} by ${columns}`);
  site.claim(elementCount(x.type.shape) * rows! * columns!, 'a result');
  const chosen = (place: number): Node => {
    const here = call('eq', call('floor', arg(1)), literal(place));
    const value = b.map([x, index], { expr: call('select', here, arg(0), literal(0)) });
    return b.reshape(value, { shape: [n!, h!, 1, w!, 1, c] });
  };
  const join = (parts: readonly Node[], axis: number) =>
    parts.length === 1 ? parts[0]! : b.concat(parts, { axis });
  const lines = Array.from({ length: rows! }, (_, row) =>
    join(
      Array.from({ length: columns! }, (_, column) => chosen(row * columns! + column)),
      4,
    ),
  );
  return b.reshape(join(lines, 2), { shape: [n!, h! * rows!, w! * columns!, c] });
}

/** MediaPipe's operators, by name. */
export const mediapipe: Operators = {
  Convolution2DTransposeBias: { import: up },
  MaxPoolingWithArgmax2D: { import: maxPool },
  MaxUnpooling2D: { import: unpool, note: 'of windows that do not overlap' },
};
