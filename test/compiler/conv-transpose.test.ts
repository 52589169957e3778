import type { AttrsOf, Node } from '@espalier/ir';
import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';

type Attrs = AttrsOf<'convTranspose'>;

const plain: Attrs = {
  stride: [1, 1],
  dilation: [1, 1],
  pads: [0, 0, 0, 0],
  outputPadding: [0, 0],
  groups: 1,
};

/** A transposed convolution of `[2, groups · i, h, w]` to `groups · o` channels. */
const spread =
  (
    [i, h, w]: readonly [number, number, number],
    [o, r, s]: readonly [number, number, number],
    attrs: Partial<Attrs> = {},
  ) =>
  ({ b, input, constant }: Operands): Node => {
    const all = { ...plain, ...attrs };
    const channels = i * all.groups;
    return b.convTranspose(
      input(2, channels, h, w),
      constant(channels, o, r, s),
      constant(o * all.groups),
      all,
    );
  };

t.test('agrees for any window', async (t) => {
  for (const attrs of [
    {},
    { stride: [2, 2] },
    { stride: [3, 2], pads: [1, 0, 0, 1] },
    { stride: [2, 3], outputPadding: [1, 2] },
    { dilation: [2, 3], pads: [1, 2, 0, 1] },
    { stride: [2, 4], dilation: [2, 6], outputPadding: [1, 1] },
    { stride: [4, 4], pads: [1, 1, 1, 1], outputPadding: [1, 0] },
  ] as const)
    for (const [r, s] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 1],
      [5, 3],
    ] as const)
      for (const [h, w] of [
        [3, 7],
        [13, 4],
      ] as const)
        agrees(
          t,
          caseOf(spread([5, h, w], [9, r, s], attrs)),
          `${r}×${s} over ${h}×${w}, ${JSON.stringify(attrs)}`,
        );
});

t.test('agrees for channels off the tile, in groups', async (t) => {
  for (const groups of [1, 3])
    for (const i of [1, 5, 8])
      for (const o of [1, 3, 8, 13])
        agrees(
          t,
          caseOf(spread([i, 5, 3], [o, 2, 2], { groups, stride: [2, 2] })),
          `${groups} groups of ${i} to ${o}`,
        );
});

t.test('packs weights that are computed', async (t) => {
  agrees(
    t,
    caseOf(({ b, input }) =>
      b.convTranspose(input(2, 6, 5, 3), input(6, 5, 3, 4), input(10), {
        ...plain,
        groups: 2,
        stride: [2, 3],
        pads: [1, 1, 0, 1],
      }),
    ),
    'each phase takes its own taps',
  );
});

t.test('applies what follows, with operands of its shape and of others', async (t) => {
  agrees(
    t,
    caseOf((operands) => {
      const y = spread([5, 3, 4], [9, 3, 3], { stride: [2, 2], outputPadding: [1, 0] })(operands);
      const extras = [operands.input(...y.type.shape), operands.input(9, 1, 1)];
      return operands.b.map([y, ...extras], { expr: parseScalar('sigmoid(a0 * a2) + a1') });
    }),
    'each phase sees its own pixels',
  );
});
