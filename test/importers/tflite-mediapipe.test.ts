// MediaPipe's own operators, against plain loops; its person segmentation, against LiteRT and TF.js.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importTflite } from '@espalier/importers';
import { evaluate, type Tensor, verify } from '@espalier/ir';
import t from 'tap';
import { difference } from '../support/compare.ts';
import { withoutLast } from '../support/cut-tflite.ts';
import { seeded } from '../support/hostile.ts';
import { runLiteRt } from '../support/litert.ts';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { packageFolder, tfjsCases } from '../support/tfjs-models.ts';
import { writeTflite } from '../support/write-tflite.ts';

const exact = { relative: 1e-6, absolute: 1e-6 };

const noise = (shape: readonly number[], seed: number): Tensor => {
  const random = seeded(seed);
  const length = shape.reduce((product, extent) => product * extent, 1);
  return {
    type: { dtype: 'f32', shape },
    data: Float32Array.from({ length }, () => random() * 2 - 1),
  };
};

/** A custom operator over inputs, with numbers for options. */
function run(custom: string, numbers: readonly number[], inputs: readonly Tensor[], outputs = 1) {
  const places = inputs.map((_, i) => i);
  const results = Array.from({ length: outputs }, (_, i) => inputs.length + i);
  const bytes = writeTflite({
    tensors: [
      ...inputs.map(({ type }) => ({ shape: type.shape })),
      ...results.map(() => ({ shape: [1] })),
    ],
    operators: [
      {
        builtin: 32,
        custom,
        customOptions: new Uint8Array(Int32Array.from(numbers).buffer),
        inputs: places,
        outputs: results,
      },
    ],
    inputs: places,
    outputs: results,
  });
  const graph = importTflite(bytes, { file: 'one.tflite' });
  verify(graph);
  return Object.values(evaluate(graph, Object.fromEntries(inputs.map((x, i) => [`t${i}`, x]))));
}

t.test('Convolution2DTransposeBias spreads every pixel and adds a bias', async (t) => {
  const cases = [
    { padding: 1, stride: [2, 2], kernel: [2, 2] },
    { padding: 1, stride: [2, 2], kernel: [3, 3] },
    { padding: 2, stride: [2, 1], kernel: [3, 2] },
  ] as const;
  for (const { padding, stride, kernel } of cases) {
    const [x, w, bias] = [noise([1, 3, 4, 2], 1), noise([3, ...kernel, 2], 2), noise([3], 3)];
    const options = [padding, stride[1], stride[0]];
    const [y] = run('Convolution2DTransposeBias', options, [x, w, bias]);
    // What is cut off is halved downwards at the start.
    const total = kernel.map((k, i) =>
      padding === 1 ? Math.max(0, k - ((x.type.shape[1 + i]! - 1) % stride[i]!) - 1) : 0,
    );
    const before = total.map((n) => Math.floor(n / 2));
    const shape = ([0, 1] as const).map(
      (i) => stride[i] * (x.type.shape[1 + i]! - 1) + kernel[i] - total[i]!,
    );
    t.same(y!.type.shape, [1, ...shape, 3], `${kernel} by ${stride} gives ${shape}`);
    const expected = new Float32Array(shape[0]! * shape[1]! * 3);
    for (let i = 0; i < expected.length; i++) expected[i] = bias.data[i % 3]!;
    for (let row = 0; row < 3; row++)
      for (let column = 0; column < 4; column++)
        for (let r = 0; r < kernel[0]; r++)
          for (let s = 0; s < kernel[1]; s++) {
            const at = [
              row * stride[0] - before[0]! + r,
              column * stride[1] - before[1]! + s,
            ] as const;
            if (at[0] < 0 || at[1] < 0 || at[0] >= shape[0]! || at[1] >= shape[1]!) continue;
            for (let o = 0; o < 3; o++)
              for (let c = 0; c < 2; c++)
                expected[(at[0] * shape[1]! + at[1]) * 3 + o]! +=
                  x.data[(row * 4 + column) * 2 + c]! *
                  w.data[((o * kernel[0] + r) * kernel[1] + s) * 2 + c]!;
          }
    const wanted = { type: y!.type, data: expected };
    t.equal(difference(wanted, y, { relative: 1e-5, absolute: 1e-5 }), undefined, 'each value');
  }
});

t.test('MaxPoolingWithArgmax2D and MaxUnpooling2D put maxima back where they were', async (t) => {
  const x = noise([1, 4, 6, 3], 4);
  const options = [2, 2, 2, 2, 2];
  const [values, places] = run('MaxPoolingWithArgmax2D', options, [x], 2);
  t.same(values!.type.shape, [1, 2, 3, 3], 'one of each window');
  const [back] = run('MaxUnpooling2D', options, [values!, places!]);
  t.same(back!.type.shape, x.type.shape, 'the extents are those of the image');
  const expected = x.data.map((value, i) => {
    const [c, column, row] = [i % 3, Math.floor(i / 3) % 6, Math.floor(i / 18)];
    const of = (r: number, s: number) => x.data[(r * 6 + s) * 3 + c]!;
    const [top, left] = [row - (row % 2), column - (column % 2)];
    const most = Math.max(
      of(top, left),
      of(top, left + 1),
      of(top + 1, left),
      of(top + 1, left + 1),
    );
    return value === most ? value : 0;
  });
  const wanted = { type: x.type, data: expected };
  t.equal(difference(wanted, back, exact), undefined, 'all else is 0');
});

const folder = packageFolder('@mediapipe/selfie_segmentation');
const skipWithoutPackage = folder
  ? {}
  : { skip: '@mediapipe/selfie_segmentation is not installed' };

for (const name of ['selfie_segmentation', 'selfie_segmentation_landscape'])
  t.test(
    `${name} agrees with LiteRT up to the operator that it lacks`,
    skipWithoutPackage,
    async (t) => {
      const bytes = new Uint8Array(readFileSync(join(folder!, `${name}.tflite`)));
      const cut = withoutLast(bytes, 2);
      const graph = importTflite(cut, { file: name });
      const x = noise(graph.inputs[0]!.type.shape, 5);
      const expected = Array.from((await runLiteRt(cut, [x]))[0]!);
      const [y] = Object.values(start(graph).run({ input_1: x }));
      const most = expected.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
      const worst = expected.reduce(
        (top, value, i) => Math.max(top, Math.abs(value - y!.data[i]!)),
        0,
      );
      t.ok(worst <= 1e-4 * most, `off by ${(worst / most).toExponential(1)}`);
      verify(importTflite(bytes, { file: name }));
    },
  );

t.test(
  'the TFLite and the TF.js file segment alike',
  { ...skipWithoutData, ...skipWithoutPackage },
  async (t) => {
    const bytes = readFileSync(join(folder!, 'selfie_segmentation.tflite'));
    const running = start(importTflite(bytes, { file: 'selfie' }));
    for (const { model, inputs, outputs } of tfjsCases()) {
      if (model !== 'selfie') continue;
      const [y] = Object.values(running.run({ input_1: Object.values(inputs)[0]! }));
      const [{ samples, stride }] = Object.values(outputs) as [(typeof outputs)[string]];
      const worst = samples.reduce(
        (top, v, i) => Math.max(top, Math.abs(v - y!.data[i * stride]!)),
        0,
      );
      // The converter of the other file rounded the constants of its activations to halves.
      t.ok(worst <= 1e-2, `probabilities differ by ${worst.toExponential(1)}`);
    }
  },
);
