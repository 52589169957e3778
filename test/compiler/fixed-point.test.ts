import type { Node } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';
import { type Window, windows } from '../support/conv-windows.ts';
import { type Keep, masked, masks } from '../support/masks.ts';
import { start, withKernel } from '../support/run-compiled.ts';

t.setTimeout(300_000);

/** About 12 bits of each factor. */
const bits12 = 1e-3;

// Tiles of 4 × 4 make more of each rounding, above all for inputs without any likeness of neighbours, as these are.
const tiled = { f2: 1e-3, f4: 1e-2 } as const;

const convolve =
  (
    size: readonly [number, number],
    { taps = [3, 3], stride = [1, 1], dilation = [1, 1], pads = [1, 1, 1, 1] }: Window = {},
    { inputs = 10, outputs = 21, groups = 1, keep }: Partial<Channels> = {},
  ) =>
  ({ b, input, constant }: Operands): Node => {
    const shape = [outputs, inputs / groups, ...taps];
    return b.conv(
      input(2, inputs, ...size),
      keep ? masked(b, shape, keep) : constant(...shape),
      constant(outputs),
      { stride, dilation, pads, groups, precision: 'int16' },
    );
  };

interface Channels {
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly keep: Keep;
}

t.test('convolutions of integers agree with the reference', async (t) => {
  for (const [name, window] of Object.entries(windows))
    for (const inputs of [8, 10, 11, 16, 33])
      for (const outputs of [8, 21])
        agrees(
          t,
          caseOf(convolve([7, 9], window, { inputs, outputs })),
          `${name}, ${inputs} to ${outputs}`,
          bits12,
          withKernel('conv-fixed'),
        );
});

t.test('groups see their own channels', async (t) => {
  for (const [name, window] of Object.entries(windows))
    agrees(
      t,
      caseOf(convolve([6, 5], window, { inputs: 24, outputs: 26, groups: 2 })),
      name,
      bits12,
      withKernel('conv-fixed'),
    );
});

t.test('pairs of inputs that blocks of outputs lack are left out', async (t) => {
  for (const [mask, keep] of Object.entries(masks(8, false)))
    for (const [name, window] of Object.entries(windows))
      for (const inputs of [10, 11])
        agrees(
          t,
          caseOf(convolve([7, 9], window, { inputs, keep })),
          `${name} of ${inputs}, ${mask}`,
          bits12,
          withKernel('conv-fixed-sparse'),
        );
});

t.test('kernels of pairs that blocks lack stay zero when they are transformed', async (t) => {
  const drawn = masks(8, true)['a half']!;
  const keep: Keep = (o, i, r, s) => drawn(o, i - (i % 2), r, s);
  for (const form of ['f2', 'f4'] as const)
    for (const size of [
      [7, 9],
      [30, 41],
    ] as const)
      agrees(
        t,
        caseOf(convolve(size, {}, { inputs: 16, outputs: 21, keep })),
        `${form} over ${size}`,
        tiled[form],
        withKernel(`conv-winograd-${form}-fixed-sparse`),
      );
});

t.test('linear layers agree with the reference', async (t) => {
  for (const rows of [1, 5, 13])
    for (const inputs of [8, 37, 64])
      for (const kernel of ['linear-fixed', 'linear-fixed-sparse'])
        agrees(
          t,
          caseOf(({ b, input, constant }) =>
            b.linear(
              input(rows, inputs),
              kernel === 'linear-fixed'
                ? constant(27, inputs)
                : masked(b, [27, inputs], masks(8, false)['a half']!),
              constant(27),
              { precision: 'int16' },
            ),
          ),
          `${kernel}, ${rows} rows of ${inputs}`,
          bits12,
          withKernel(kernel),
        );
});

t.test('Winograd products of integers agree with the reference', async (t) => {
  for (const form of ['f2', 'f4'] as const)
    for (const size of [
      [4, 4],
      [7, 9],
      [30, 41],
    ] as const)
      for (const [inputs, outputs] of [
        [8, 8],
        [12, 21],
        [64, 32],
      ] as const)
        agrees(
          t,
          caseOf(convolve(size, {}, { inputs, outputs })),
          `${form}, ${inputs} to ${outputs} over ${size}`,
          tiled[form],
          withKernel(`conv-winograd-${form}-fixed`),
        );
});

t.test('weights may be shipped with fewer bits', async (t) => {
  for (const [weights, tolerance] of [
    ['f16', 1e-2],
    ['int8', 5e-2],
  ] as const)
    for (const kernel of ['conv-fixed', 'conv-winograd-f4-fixed']) {
      const made = caseOf(convolve([12, 14], {}, { inputs: 64, outputs: 64 }));
      const title = `${kernel}, ${weights}`;
      agrees(t, made, title, tolerance, { ...withKernel(kernel), weights });
    }
});

t.test('no sum overflows, whatever the inputs are', async (t) => {
  for (const inputs of [64, 1024, 8192])
    for (const sign of [1, -1]) {
      const type = { dtype: 'f32', shape: [8, inputs] } as const;
      const weights = new Float32Array(8 * inputs).fill(sign * 0.37);
      // One output has a weight that is much larger than the others.
      weights[0] = 100;
      const made = caseOf(({ b, input, constant }) =>
        b.linear(input(2, inputs), b.constant({ type, data: weights }), constant(8), {
          precision: 'int16',
        }),
      );
      // All as large as any, and all of one sign.
      for (const { data } of Object.values(made.inputs)) data.fill(3.5);
      agrees(t, made, `${inputs} inputs, ${sign}`, 2e-3, withKernel('linear-fixed'));
    }
});

t.test('inputs of zeros, or nearly, give biases', async (t) => {
  for (const value of [0, 1e-38, 1e-30])
    for (const kernel of ['conv-fixed', 'conv-winograd-f4-fixed']) {
      const made = caseOf(convolve([8, 8], {}, { inputs: 16, outputs: 16 }));
      for (const { data } of Object.values(made.inputs)) data.fill(value);
      agrees(t, made, `${kernel} of ${value}`, 1e-6, withKernel(kernel));
    }
});

t.test('what is too wide or too narrow stays in floats', async (t) => {
  const kernelOf = (inputs: number, outputs: number) =>
    start(
      caseOf(({ b, input, constant }) =>
        b.linear(input(4, inputs), constant(outputs, inputs), constant(outputs), {
          precision: 'int16',
        }),
      ).graph,
      withKernel('linear-fixed'),
    ).compiled.report.work.map(({ kernel }) => kernel);
  t.ok(kernelOf(64, 8).includes('linear-fixed'));
  for (const [inputs, outputs] of [
    [8200, 8],
    [4, 8],
    [64, 4],
  ] as const)
    t.notOk(kernelOf(inputs, outputs).includes('linear-fixed'), `${inputs} to ${outputs}`);
});
