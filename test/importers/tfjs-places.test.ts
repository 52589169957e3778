// Operators of graph models about places: crops, maxima, boxes, counts, transforms. Compiled, they give what TF.js gives.

import { importTfjs } from '@espalier/importers';
import { EspalierError, type Tensor } from '@espalier/ir';
import t from 'tap';
import { agreeWithTfjs, type Case } from '../support/against-tfjs.ts';
import { seeded } from '../support/hostile.ts';
import { start } from '../support/run-compiled.ts';
import { graphModelOutputs } from '../support/tfjs.ts';
import { attr, floats, graphModel, scalar, whole } from '../support/tfjs-model.ts';

const { int, ints, float, flag, text } = attr;
const random = seeded(5);
const values = (...shape: readonly number[]): Tensor =>
  floats(
    shape,
    Array.from({ length: shape.reduce((n, extent) => n * extent, 1) }, () => 2 * random() - 1),
  );
const truths = (...values: readonly number[]): Tensor => ({
  type: { dtype: 'bool', shape: [values.length] },
  data: Uint8Array.from(values),
});

const crops: Case[] = ['bilinear', 'nearest'].flatMap((method) => [
  {
    title: `${method}, boxes that are known`,
    op: 'CropAndResize',
    operands: [
      [2, 5, 6, 3],
      floats([3, 4], [0, 0, 1, 1, 0.9, 0.2, 0.1, 0.73, -0.2, 0.3, 0.6, 1.4]),
      whole(0, 1, 1),
      whole(4, 3),
    ],
    attrs: { method: text(method), extrapolation_value: float(0.25) },
  },
  {
    title: `${method}, boxes that are computed, to one row`,
    op: 'CropAndResize',
    operands: [[1, 5, 6, 3], [2, 4], whole(0, 0), whole(1, 5)],
    attrs: { method: text(method), extrapolation_value: float(0) },
    range: [0.1, 0.9],
  },
]);

const turned = floats([1, 8], [0.83, -0.31, 1.13, 0.42, 0.93, -1.71, 0.013, 0.021]);
const projections: Case[] = ['BILINEAR', 'NEAREST'].flatMap((way) =>
  ['CONSTANT', 'REFLECT', 'WRAP', 'NEAREST'].map(
    (fill): Case => ({
      title: `${way} with ${fill}`,
      op: 'ImageProjectiveTransformV3',
      operands: [
        [1, 5, 6, 2],
        turned, // TF.js forgets all images but the first
        whole(7, 6),
        floats([], [0.5]),
      ],
      attrs: { interpolation: text(way), fill_mode: text(fill) },
    }),
  ),
);

const maxima: Case[] = ['SAME', 'VALID'].flatMap((padding) => [
  ...[1, 2].map(
    (stride): Case => ({
      title: `${padding} by ${stride}`,
      op: 'Dilation2D',
      operands: [[2, 7, 6, 3], values(3, 2, 3)],
      attrs: {
        strides: ints([1, stride, stride, 1]),
        rates: ints([1, 3 - stride, 3 - stride, 1]),
        padding: text(padding),
      },
    }),
  ),
  ...[true, false].map(
    (batch): Case => ({
      title: `${padding}, ${batch ? 'with' : 'without'} the image in the place`,
      op: 'MaxPoolWithArgmax',
      operands: [[2, 7, 6, 3]],
      results: 2,
      attrs: {
        ksize: ints([1, 3, 2, 1]),
        strides: ints([1, 2, 1, 1]),
        padding: text(padding),
        include_batch_in_index: flag(batch),
      },
    }),
  ),
]);

/** Boxes in a square, corners in no order. */
const boxes = floats(
  [6, 4],
  [0, 0, 1, 1, 0, 0.1, 1, 1.1, 1, 0.9, 0, -0.1, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101],
);
const scores = floats([6], [0.9, 0.75, 0.6, 0.95, 0.5, 0.3]);
const [iou, threshold] = [floats([], [0.5]), floats([], [0.4])];
const suppressions: Case[] = [
  {
    title: 'of known boxes',
    op: 'NonMaxSuppressionV2',
    operands: [boxes, scores, scalar(3), iou],
  },
  {
    title: 'of known boxes',
    op: 'NonMaxSuppressionV3',
    operands: [boxes, scores, scalar(9), iou, threshold],
  },
  {
    title: 'with room for five',
    op: 'NonMaxSuppressionV4',
    operands: [[6, 4], [6], scalar(5), iou, floats([], [-1])],
    attrs: { pad_to_max_output_size: flag(true) },
    results: 2,
  },
  {
    title: 'with room for more than there are',
    op: 'NonMaxSuppressionV4',
    operands: [[6, 4], [6], scalar(9), iou, floats([], [0])],
    attrs: { pad_to_max_output_size: flag(true) },
    results: 2,
  },
  {
    title: 'with scores, of known boxes',
    op: 'NonMaxSuppressionV5',
    operands: [boxes, scores, scalar(4), iou, threshold, floats([], [0])],
    results: 2,
  },
];

const counts: Case[] = [
  { title: 'what holds', op: 'Where', operands: [truths(1, 0, 0, 1, 1)] },
  {
    title: 'what is new',
    op: 'ListDiff',
    operands: [whole(4, 2, 7, 2, 9), whole(2, 5)],
    results: 2,
  },
  { title: 'numbers', op: 'UniqueV2', operands: [whole(4, 2, 7, 2, 4), whole(0)], results: 2 },
  {
    title: 'a list',
    op: 'DenseBincount',
    operands: [{ input: 'i32', shape: [9] }, scalar(6), floats([0], [])],
    attrs: { binary_output: flag(false) },
  },
  {
    title: 'weights of rows',
    op: 'DenseBincount',
    operands: [{ input: 'i32', shape: [3, 5] }, scalar(7), values(3, 5)],
    attrs: { binary_output: flag(false) },
  },
  {
    title: 'whether a number is there',
    op: 'DenseBincount',
    operands: [{ input: 'i32', shape: [2, 5] }, scalar(9), floats([0], [])],
    attrs: { binary_output: flag(true) },
  },
  {
    title: 'three diagonals',
    op: 'MatrixBandPart',
    operands: [[2, 4, 5], scalar(1), scalar(1)],
  },
  {
    title: 'simulated, and left as it is',
    op: 'FakeQuantWithMinMaxVars',
    operands: [[2, 3], floats([], [-0.5]), floats([], [0.5])],
    attrs: { num_bits: int(4) },
  },
];

agreeWithTfjs([...crops, ...projections, ...maxima, ...suppressions, ...counts]);

t.test('Fourier transforms agree', async (t) => {
  const x = values(6, 10);
  const y = values(6, 10);
  const model = graphModel({
    inputs: { x, y },
    constants: { ten: whole(10) },
    nodes: [
      { name: 'half', op: 'RFFT', input: ['x', 'ten'] },
      { name: 'size', op: 'ComplexAbs', input: ['half'] },
      { name: 'again', op: 'IRFFT', input: ['half', 'ten'] },
      { name: 'c', op: 'Complex', input: ['x', 'y'] },
      { name: 'f', op: 'FFT', input: ['c'] },
      { name: 're', op: 'Real', input: ['f'] },
      { name: 'im', op: 'Imag', input: ['f'] },
      { name: 'b', op: 'IFFT', input: ['f'] },
      { name: 'back', op: 'Imag', input: ['b'] },
    ],
    outputs: ['size', 'again', 're', 'im', 'back'],
  });
  const names = ['size', 'again', 're', 'im', 'back'];
  const expected = await graphModelOutputs(model, { x, y }, names);
  const graph = importTfjs(model.bytes(), { file: 'model.json', external: model.external });
  const found = start(graph).run({ x, y });
  names.forEach((name, i) => {
    const off = Array.from(expected[i]!.data, (v, k) => Math.abs(v - found[name]!.data[k]!));
    t.same(found[name]!.type.shape, expected[i]!.type.shape, `${name} has its shape`);
    t.ok(Math.max(...off) < 1e-4, `${name} is off by ${Math.max(...off)}`); // of at most 10
  });
});

t.test('a band of a matrix has its own bound on each side', async (t) => {
  // TF.js takes the first bound for both.
  const x = floats([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const model = graphModel({
    inputs: { x },
    constants: { all: scalar(-1), none: scalar(0) },
    nodes: [{ name: 'y', op: 'MatrixBandPart', input: ['x', 'all', 'none'] }],
    outputs: ['y'],
  });
  const graph = importTfjs(model.bytes(), { file: 'model.json', external: model.external });
  const { y } = start(graph).run({ x });
  t.same(Array.from(y!.data), [1, 0, 0, 4, 5, 0, 7, 8, 9], 'the lower triangle stays');
});

t.test('boxes whose number depends on an input are refused, with what to do', async (t) => {
  const x = floats([6, 4], [0, 0, 1, 1]);
  const model = graphModel({
    inputs: { x },
    constants: { scores, three: scalar(3), iou },
    nodes: [{ name: 'y', op: 'NonMaxSuppressionV2', input: ['x', 'scores', 'three', 'iou'] }],
    outputs: ['y'],
  });
  try {
    importTfjs(model.bytes(), { file: 'model.json', external: model.external });
    t.fail('it is refused');
  } catch (error) {
    t.ok(error instanceof EspalierError, 'it is a coded error');
    t.match(
      error,
      { code: 'NOT_CONSTANT', hint: /\?outputs=/, at: { node: 'y' } },
      'with a way out',
    );
  }
});
