import { type Node, type OpNode, parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands, worstError } from '../support/agrees.ts';
import { flat, type Window, windows } from '../support/conv-windows.ts';
import { type Keep, masked, masks } from '../support/masks.ts';
import { start, withKernel } from '../support/run-compiled.ts';

t.setTimeout(300_000);

/** A convolution of 10 channels, with an odd number of outputs. */
const convolve =
  (keep: Keep, size: readonly [number, number], window: Window = {}, outputs = 21) =>
  ({ b, input, constant }: Operands): Node => {
    const { taps = [3, 3], stride = [1, 1], dilation = [1, 1], pads = [1, 1, 1, 1] } = window;
    const weights = masked(b, [outputs, 10, ...taps], keep);
    const attrs = { stride, dilation, pads, groups: 1 };
    return b.conv(input(2, 10, ...size), weights, constant(outputs), attrs);
  };

for (const kernel of ['conv-sparse', 'conv-planes-1', 'conv-planes-2'])
  t.test(`${kernel} agrees with the reference for every mask`, async (t) => {
    for (const height of [8, 4, 1])
      for (const [mask, keep] of Object.entries(masks(height, false)))
        for (const [name, window] of Object.entries(windows))
          agrees(
            t,
            caseOf(convolve(keep, [7, 9], window)),
            `${name}, ${mask}, blocks of ${height}`,
            1e-5,
            withKernel(kernel),
          );
  });

t.test('planes agree for rows of any length', async (t) => {
  const keep = masks(1, false)['a half']!;
  for (const kernel of ['conv-planes-1', 'conv-planes-2'])
    for (const window of [flat, {}])
      for (let columns = 1; columns < 60; columns += columns < 20 ? 1 : 13)
        agrees(
          t,
          caseOf(convolve(keep, [3, columns], window, 9)),
          `${kernel}, ${columns} columns`,
          1e-5,
          withKernel(kernel),
        );
});

t.test(
  'planes are written into the margins that a reader wishes for, several short rows at a time',
  async (t) => {
    const keep = masks(1, false)['a half']!;
    for (const kernel of ['conv-planes-1', 'conv-planes-2'])
      for (const columns of [1, 3, 4, 7, 14, 27, 30])
        agrees(
          t,
          caseOf((operands) => {
            const { b, constant } = operands;
            const wide = convolve(keep, [7, columns], flat)(operands) as OpNode; // the builder made it just now
            const added = b.withEpilogue(wide, parseScalar('max(a0 + a1, 0)'), [
              operands.input(2, 21, 7, columns),
            ]);
            const attrs = {
              stride: [1, 1],
              dilation: [1, 1],
              pads: [1, 1, 1, 1],
              groups: 21,
            } as const;
            return b.conv(added, constant(21, 1, 3, 3), constant(21), attrs);
          }),
          `${kernel}, ${columns} columns`,
          1e-5,
          {
            pick: (_node, able) =>
              able.find(({ name }) => name === kernel || name === 'depthwise-planes') ?? able[0],
          },
        );
  },
);

// As for dense tiles: a tenth of the bar for a whole network.
const tiled = 2e-5;

t.test('Winograd kernels agree with the reference for every mask', async (t) => {
  for (const form of ['f2', 'f4'])
    for (const [mask, keep] of Object.entries(masks(8, true)))
      for (const size of [
        [4, 4],
        [7, 9],
      ] as const)
        agrees(
          t,
          caseOf(convolve(keep, size)),
          `${form}, ${mask}, ${size}`,
          tiled,
          withKernel(`conv-winograd-${form}-sparse`),
        );
});

t.test('linear layers agree with the reference for every mask', async (t) => {
  for (const rows of [1, 5, 13])
    for (const height of [8, 1])
      for (const [mask, keep] of Object.entries(masks(height, false)))
        agrees(
          t,
          caseOf(({ b, input, constant }) =>
            b.linear(input(rows, 37), masked(b, [27, 37], keep), constant(27)),
          ),
          `${rows} rows, ${mask}, blocks of ${height}`,
          1e-5,
          withKernel('linear-sparse'),
        );
});

t.test('epilogues follow the sums', async (t) => {
  const keep = masks(8, true)['a half']!;
  for (const kernel of ['conv-sparse', 'conv-planes-1', 'conv-planes-2', 'conv-winograd-f4-sparse'])
    agrees(
      t,
      caseOf((operands) => {
        const y = convolve(keep, [8, 9])(operands);
        const residual = operands.input(2, 21, 8, 9);
        return operands.b.map([y, residual], { expr: parseScalar('relu(a0 + a1) * sigmoid(a0)') });
      }),
      kernel,
      tiled,
      withKernel(kernel),
    );
});

t.test('tensors that run backwards are read where they are', async (t) => {
  const keep = masks(8, false)['a half']!;
  for (const kernel of ['conv-sparse', 'conv-planes-1'])
    agrees(
      t,
      caseOf(({ b, input, constant }) => {
        const flipped = b.slice(input(1, 10, 9, 8), {
          starts: [0, 0, 8, 7],
          sizes: [1, 10, 9, 8],
          steps: [1, 1, -1, -1],
        });
        const attrs = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;
        return b.conv(flipped, masked(b, [16, 10, 3, 3], keep), constant(16), attrs);
      }),
      `rows and columns flipped, ${kernel}`,
      1e-5,
      withKernel(kernel),
    );
});

t.test('only what is kept is shipped', async (t) => {
  const keep = masks(8, true)['a tenth']!;
  const { graph, inputs } = caseOf(({ b, input, constant }) =>
    b.conv(input(1, 128, 14, 14), masked(b, [256, 128, 3, 3], keep), constant(256), {
      stride: [1, 1],
      dilation: [1, 1],
      pads: [1, 1, 1, 1],
      groups: 1,
    }),
  );
  for (const kernel of ['conv-sparse', 'conv-winograd-f4-sparse']) {
    const full = start(graph, withKernel(kernel));
    const share = full.compiled.weights.length / (4 * 256 * 128 * 9);
    t.ok(share < 0.115, `${kernel}: ${share.toFixed(3)} of the dense weights`);
    const exact = full.run(inputs).y!;
    for (const [weights, most, bytes] of [
      ['f16', 1e-3, 0.56],
      ['int8', 3e-2, 0.34],
    ] as const) {
      const narrow = start(graph, { ...withKernel(kernel), weights });
      const less = narrow.compiled.weights.length / full.compiled.weights.length;
      t.ok(less < bytes, `${kernel}, ${weights}: ${less.toFixed(2)} of that`);
      const error = worstError(narrow.run(inputs).y!, exact);
      t.ok(error > 0 && error < most, `${kernel}, ${weights}: off by ${error} of the largest`);
    }
  }
});

t.test('zeros are computed where skipping them would be slower', async (t) => {
  const stepsOf = (share: number): string => {
    const { graph } = caseOf(({ b, input, constant }) =>
      b.conv(
        input(1, 64, 28, 28),
        // Single weights: blocks of 8 outputs keep nearly every tap.
        masked(
          b,
          [64, 64, 3, 3],
          (o, i, r, s) => ((o * 31 + i * 17 + r * 7 + s * 3) % 100) / 100 >= share,
        ),
        constant(64),
        { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 },
      ),
    );
    return start(graph).compiled.report.steps.join();
  };
  // A table that keeps every kernel costs Winograd nothing.
  t.notMatch(stepsOf(0.3), /sparse (?!winograd)/, 'a third of zeros, scattered');
});
