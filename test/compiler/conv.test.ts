import type { AttrsOf, Node } from '@espalier/ir';
import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';
import { withKernel } from '../support/run-compiled.ts';

type Attrs = AttrsOf<'conv'>;

const plain: Attrs = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 };

/** A convolution of `[n, c, h, w]` by constant weights `[o, c ∕ groups, r, s]`. */
const convolve =
  (
    [n, c, h, w]: readonly [number, number, number, number],
    [o, r, s]: readonly [number, number, number],
    attrs: Partial<Attrs> = {},
  ) =>
  ({ b, input, constant }: Operands): Node => {
    const all = { ...plain, ...attrs };
    return b.conv(input(n, c, h, w), constant(o, c / all.groups, r, s), constant(o), all);
  };

t.test('agrees where pixels and channels do not fill a tile', async (t) => {
  for (const batch of [1, 3])
    for (const pixels of [1, 3, 7, 13])
      for (const channels of [1, 3, 5, 8, 13, 17])
        for (const outputs of [1, 3, 5, 8, 13, 17])
          agrees(
            t,
            caseOf(convolve([batch, channels, pixels, pixels], [outputs, 1, 1])),
            `[${batch},${channels},${pixels},${pixels}] to ${outputs}`,
          );
});

t.test('agrees for any window', async (t) => {
  const windows = [
    { stride: [2, 2] },
    { stride: [3, 1], pads: [1, 1, 1, 1] },
    { dilation: [2, 1], pads: [2, 0, 1, 0] },
    { dilation: [1, 3], stride: [1, 2], pads: [0, 3, 1, 2] },
    { dilation: [2, 2], stride: [2, 3], pads: [1, 2, 3, 4] },
  ] as const;
  for (const attrs of windows)
    for (const [r, s] of [
      [1, 1],
      [3, 3],
      [1, 4],
      [5, 2],
    ] as const)
      for (const [h, w] of [
        [9, 13],
        [13, 9],
      ] as const)
        agrees(
          t,
          caseOf(convolve([2, 5, h, w], [13, r, s], attrs)),
          `${r}×${s} over ${h}×${w}, ${JSON.stringify(attrs)}`,
        );
});

t.test('agrees in groups of any size', async (t) => {
  for (const [groups, inputs, outputs] of [
    [2, 8, 8],
    [3, 5, 7],
    [4, 1, 3],
    [5, 3, 1],
    [13, 1, 2],
  ] as const)
    for (const r of [1, 3])
      agrees(
        t,
        caseOf(
          convolve([3, groups * inputs, 7, 7], [groups * outputs, r, r], {
            groups,
            pads: [1, 1, 1, 1],
          }),
        ),
        `${groups} groups of ${inputs} to ${outputs}, ${r}×${r}`,
      );
});

t.test('agrees where channels are depthwise', async (t) => {
  for (const channels of [1, 3, 4, 5, 8, 13, 17])
    for (const [r, s] of [
      [3, 3],
      [5, 5],
      [1, 7],
    ] as const)
      for (const attrs of [
        { pads: [1, 1, 1, 1] },
        { stride: [2, 2], pads: [0, 1, 2, 3] },
        { dilation: [2, 1], pads: [4, 4, 4, 4] },
      ] as const)
        for (const pixels of [7, 13, 29]) {
          const { compiled } = agrees(
            t,
            caseOf(
              convolve([2, channels, pixels, pixels], [channels, r, s], {
                ...attrs,
                groups: channels,
              }),
            ),
            `${channels} channels, ${r}×${s} over ${pixels}, ${JSON.stringify(attrs)}`,
            1e-5,
            withKernel('conv-depthwise'),
          );
          if (channels > 1)
            t.match(compiled.report.steps.join(), /depthwise/, 'by the kernel for it');
        }
});

t.test('agrees where weights exceed the cache', async (t) => {
  for (const [c, o, r, pixels] of [
    [512, 520, 1, 7],
    [256, 133, 3, 5],
  ] as const)
    agrees(
      t,
      caseOf(convolve([2, c, pixels, pixels], [o, r, r], { pads: [1, 0, 1, 0] })),
      `${r}×${r} ${c} to ${o}`,
    );
});

t.test('packs weights that are computed, before each use', async (t) => {
  for (const groups of [1, 3, 13])
    for (const [i, o, r, s] of [
      [5, 13, 3, 2],
      [8, 8, 1, 1],
      [1, 1, 3, 3],
    ] as const) {
      const written = caseOf(({ b, input }) =>
        b.conv(input(2, groups * i, 7, 9), input(groups * o, i, r, s), input(groups * o), {
          ...plain,
          groups,
        }),
      );
      agrees(t, written, `${groups} groups of ${i} to ${o}, ${r}×${s}`);
    }
});

t.test('applies what follows in registers', async (t) => {
  const shape = [2, 13, 7, 5] as const;
  const tails = {
    relu: ({ b }: Operands, y: Node) => b.scalar('relu', y),
    'a long chain': ({ b }: Operands, y: Node) =>
      b.map([y], { expr: parseScalar('a0 * sigmoid(a0) + tanh(a0)') }),
    'a residual': ({ b, input }: Operands, y: Node) =>
      b.map([input(...shape), y], { expr: parseScalar('relu(a0 + a1)') }),
    'one value a channel': ({ b, input }: Operands, y: Node) =>
      b.map([y, input(13, 1, 1)], { expr: parseScalar('max(a0, 0.0) + a1 * min(a0, 0.0)') }),
    'one value a pixel': ({ b, input }: Operands, y: Node) =>
      b.map([y, input(2, 1, 7, 5)], { expr: parseScalar('a0 * a1') }),
    'a row, a column and a chain': ({ b, input }: Operands, y: Node) =>
      b.map([y, input(7, 1), input(5), input(2, 13, 1, 1)], {
        expr: parseScalar('tanh(a0 * a1 + a2) - a3'),
      }),
  };
  for (const [name, tail] of Object.entries(tails))
    for (const groups of [1, 13])
      for (const stride of [1, 2] as const) {
        const size = (pixels: number) => (pixels - 1) * stride + 3;
        const written = caseOf((operands) =>
          tail(
            operands,
            convolve([2, 13, size(7), size(5)], [13, 3, 3], { groups, stride: [stride, stride] })(
              operands,
            ),
          ),
        );
        agrees(t, written, `${name}, ${groups} groups, stride ${stride}`);
      }
});

t.test('fuses what follows into the convolution', async (t) => {
  const { compiled } = agrees(
    t,
    caseOf((operands) => operands.b.scalar('relu', convolve([1, 8, 6, 6], [8, 3, 3])(operands))),
    'relu',
  );
  const passes = compiled.report.steps.filter((step) => step.startsWith('map'));
  t.same(passes, [], 'there is no pass of its own');
});

t.test('reads channels out of the middle of a tensor', async (t) => {
  for (const groups of [1, 2, 6])
    agrees(
      t,
      caseOf(({ b, input, constant }) => {
        const x = b.scalar('neg', input(2, 11, 7, 7));
        const part = b.slice(x, { starts: [0, 3, 1, 0], sizes: [2, 6, 5, 7], steps: [1, 1, 1, 1] });
        const weights = constant(6, 6 / groups, 3, 3);
        return b.conv(part, weights, constant(6), { ...plain, pads: [1, 1, 1, 1], groups });
      }),
      `${groups} groups`,
    );
});

t.test('reads flipped tensors', async (t) => {
  for (const groups of [1, 6])
    for (const axis of [1, 2, 3])
      for (const pad of [0, 1]) {
        const written = caseOf(({ b, input, constant }) => {
          const sizes = [2, 6, 7, 9];
          const x = b.transpose(input(2, 7, 9, 6), { perm: [0, 3, 1, 2] });
          const flipped = b.slice(x, {
            starts: sizes.map((size, i) => (i === axis ? size - 1 : 0)),
            sizes,
            steps: sizes.map((_, i) => (i === axis ? -1 : 1)),
          });
          const pads = [pad, pad, pad, pad] as const;
          const weights = constant(6, 6 / groups, 3, 3);
          return b.conv(flipped, weights, constant(6), { ...plain, groups, pads });
        });
        agrees(t, written, `axis ${axis}, ${groups} groups, padded by ${pad}`);
      }
});

t.test('carries NaNs and infinities to the pixels that see them', async (t) => {
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    const written = caseOf(convolve([1, 3, 7, 7], [5, 3, 3], { pads: [1, 1, 1, 1] }));
    written.inputs.x0!.data[24] = value;
    agrees(t, written, `${value}`);
  }
});

t.test('computes nothing where there is nothing', async (t) => {
  agrees(t, caseOf(convolve([0, 3, 7, 7], [5, 3, 3])), 'no images');
  agrees(t, caseOf(convolve([1, 3, 7, 7], [0, 3, 3])), 'no outputs');
  agrees(t, caseOf(convolve([1, 0, 7, 7], [5, 3, 3])), 'no inputs: the bias alone');
});
