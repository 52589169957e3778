// Slices and transposes are views, not copies: every kernel has to walk the strides that they make.

import { type Node, parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';

type Sizes = readonly [number, number, number, number];

const window = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0] } as const;
const halved = { ...window, stride: [2, 2], groups: 1 } as const;

/** What reads the view, by what it tests. */
const readers: Readonly<Record<string, (operands: Operands, x: Node, sizes: Sizes) => Node>> = {
  'a map': ({ b, input }, x, [, c, , w]) =>
    b.map([x, input(c, 1, 1), input(w)], { expr: parseScalar('a0 + a1 * a2') }),
  'a residual': ({ b, input, constant }, x, [n, c, h, w]) => {
    const y = b.conv(input(n, 3, h, w), constant(c, 3, 1, 1), constant(c), {
      ...window,
      groups: 1,
    });
    return b.map([y, x], { expr: parseScalar('a0 + a1') });
  },
  conv: ({ b, constant }, x, [, c]) =>
    b.conv(x, constant(5, c, 1, 1), constant(5), { ...halved, dilation: [2, 1] }),
  depthwise: ({ b, constant }, x, [, c]) =>
    b.conv(x, constant(c, 1, 1, 3), constant(c), { ...window, groups: c }),
  convTranspose: ({ b, constant }, x, [, c]) =>
    b.convTranspose(x, constant(c, 5, 2, 2), constant(5), { ...halved, outputPadding: [0, 0] }),
  linear: ({ b, constant }, x, [, , , w]) => b.linear(x, constant(5, w), constant(5)),
  maxPool: ({ b }, x) => b.maxPool(x, { ...window, kernel: [1, 3] }),
  sumPool: ({ b }, x) => b.sumPool(x, { ...window, kernel: [1, 3] }),
  'softmax over channels': ({ b }, x) => b.softmax(x, { axis: 1 }),
  'softmax over columns': ({ b }, x) => b.softmax(x, { axis: 3 }),
  'reduce to channels': ({ b }, x) => b.reduce(x, { kind: 'sum', axes: [2, 3], keepDims: true }),
  'reduce channels': ({ b }, x) => b.reduce(x, { kind: 'max', axes: [1], keepDims: false }),
  layerNorm: ({ b, constant }, x, [, , , w]) =>
    b.layerNorm(x, constant(w), constant(w), { axis: 3, epsilon: 1e-5 }),
  'concat of channels': ({ b }, x) => b.concat([x, b.scalar('neg', x), x], { axis: 1 }),
  'concat of columns': ({ b }, x) => b.concat([x, x], { axis: 3 }),
  pad: ({ b }, x) => b.pad(x, { before: [0, 1, 2, 0], after: [1, 0, 0, 3], value: 2 }),
  reshape: ({ b }, x, [n, c, h, w]) => b.reshape(x, { shape: [n * c, h * w] }),
  transpose: ({ b }, x) => b.transpose(x, { perm: [3, 0, 2, 1] }),
};

/** Every other element of an axis, or all of them, forwards or backwards. */
function strided({ b, input }: Operands, sizes: Sizes, order: string, axis: number, step: number) {
  const all = sizes.map((size, i) => (i === axis ? size * Math.abs(step) : size));
  const [n, c, h, w] = all as [number, number, number, number];
  const x =
    order === 'NCHW' ? input(n, c, h, w) : b.transpose(input(n, h, w, c), { perm: [0, 3, 1, 2] });
  return b.slice(x, {
    starts: all.map((size, i) => (i === axis && step < 0 ? size - 1 : 0)),
    sizes,
    steps: all.map((_, i) => (i === axis ? step : 1)),
  });
}

for (const [name, read] of Object.entries(readers))
  t.test(`${name}: reads flipped and thinned tensors in either order`, async (t) => {
    const shapes: readonly Sizes[] = [
      [2, 6, 7, 9],
      [2, 5, 1, 9],
      [1, 1, 7, 3],
    ];
    for (const sizes of shapes)
      for (const order of ['NCHW', 'NHWC'])
        for (const axis of [0, 1, 2, 3])
          for (const step of [-1, 2, -2])
            agrees(
              t,
              caseOf((operands) =>
                read(operands, strided(operands, sizes, order, axis, step), sizes),
              ),
              `[${sizes}] in ${order}, steps of ${step} along axis ${axis}`,
            );
  });
