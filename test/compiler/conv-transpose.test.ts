import type { AttrsOf, Node } from '@espalier/ir';
import { parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';
import type { Running } from '../support/run-compiled.ts';

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

/** Steps of a compiled case that spread pixels. */
const spreads = ({ compiled }: Running): number =>
  compiled.report.steps.filter((label) => label.startsWith('conv transpose')).length;

t.test('joins phases that read the same inputs', async (t) => {
  for (const [stride, window, channels, steps] of [
    [[2, 2], [2, 2], 1, 1], // four outputs
    [[2, 2], [2, 2], 2, 1], // eight
    [[2, 2], [2, 2], 3, 2], // six of a row
    [[2, 2], [2, 2], 24, 2],
    [[4, 4], [4, 4], 1, 2], // eight of two rows
    [[3, 3], [3, 3], 1, 2], // six of two rows, three of the last
    [[5, 5], [5, 5], 1, 5],
    [[1, 3], [1, 3], 2, 1],
    [[3, 1], [3, 1], 2, 1],
    [[2, 2], [4, 4], 1, 1], // two taps of each phase
    [[2, 2], [3, 3], 1, 4], // phases of one and of two taps
    [[2, 2], [1, 1], 1, 4], // all but one of bias alone
    [[2, 3], [1, 1], 1, 4], // two and two of them together
  ] as const) {
    const name = `${window.join('×')} in steps of ${stride} to ${channels}`;
    // As many rows and columns of each phase.
    const outputPadding = [
      Math.max(0, stride[0] - window[0]),
      Math.max(0, stride[1] - window[1]),
    ] as const;
    const attrs = { stride, outputPadding };
    for (const [h, w] of [
      [3, 7],
      [5, 1],
    ] as const)
      t.equal(
        spreads(agrees(t, caseOf(spread([5, h, w], [channels, ...window], attrs)), name)),
        steps,
        `${name}: steps`,
      );
  }
});

t.test('joins what rows that are cut short leave', async (t) => {
  for (const pads of [
    [0, 0, 1, 1],
    [1, 1, 0, 0],
    [1, 0, 2, 3],
  ] as const)
    for (const stride of [
      [2, 2],
      [4, 3],
    ] as const)
      for (const o of [1, 3, 9])
        agrees(
          t,
          caseOf(spread([4, 5, 6], [o, ...stride], { stride, pads })),
          `${stride} to ${o}, [${pads}] away`,
        );
});

t.test('joined phases find their operands and their places', async (t) => {
  const short = 'relu(a0 * a2) + a1';
  const long = 'sigmoid(a0 * a2) + a1 * a3';
  for (const [o, stride] of [
    [1, [2, 2]],
    [1, [3, 3]],
    [3, [2, 2]],
    [3, [1, 2]],
    [5, [3, 2]],
    [8, [2, 2]],
  ] as const)
    for (const expr of [short, long]) {
      /** A layer and what follows it. */
      const finished = (operands: Operands): Node => {
        const { b, input } = operands;
        const y = spread([5, 4, 7], [o, ...stride], { stride })(operands);
        const [n, , h, w] = y.type.shape as [number, number, number, number];
        const extras = [input(n, o, h, w), input(o, 1, 1), input(1, h, w)];
        const used = extras.slice(0, expr === short ? 2 : 3);
        return b.map([y, ...used], { expr: parseScalar(expr) });
      };
      const name = `${o} channels in steps of ${stride}, ${expr}`;
      agrees(t, caseOf(finished), name);
      agrees(
        t,
        caseOf((operands) => {
          const y = finished(operands);
          const [n, , h, w] = y.type.shape as [number, number, number, number];
          return operands.b.concat([operands.input(n, 2, h, w), y], { axis: 1 });
        }),
        `${name}, in its place among other channels`,
      );
      agrees(
        t,
        caseOf((operands) => {
          const { b, constant } = operands;
          const y = finished(operands);
          const { stride, dilation, groups } = plain;
          const attrs = { stride, dilation, groups, pads: [1, 1, 1, 1] } as const;
          return b.conv(y, constant(4, o, 3, 3), constant(4), attrs);
        }),
        `${name}, with a margin around`,
      );
    }
});
