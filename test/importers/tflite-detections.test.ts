// The last steps of detectors: boxes that give way to better ones, against LiteRT.

import { importTflite } from '@espalier/importers';
import { evaluate, type Tensor } from '@espalier/ir';
import { encode } from 'flatbuffers/js/flexbuffers.js';
import t, { type Test } from 'tap';
import { difference } from '../support/compare.ts';
import { seeded } from '../support/hostile.ts';
import { runLiteRt } from '../support/litert.ts';
import { start } from '../support/run-compiled.ts';
import { type WrittenModel, type WrittenTensor, writeTflite } from '../support/write-tflite.ts';

const tolerance = { relative: 1e-5, absolute: 1e-5 };
const boxes = 40;

const fill = (shape: readonly number[], f: (i: number) => number): Tensor => ({
  type: { dtype: 'f32', shape },
  data: Float32Array.from({ length: shape.reduce((n, extent) => n * extent, 1) }, (_, i) => f(i)),
});

/** LiteRT looks keys up by halving. The encoder has no doubles: numbers are exact in f32. */
const sorted = (options: Readonly<Record<string, number | boolean>>) =>
  Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Compares a model with LiteRT, interpreted and compiled. */
async function agree(t: Test, model: WrittenModel, inputs: readonly Tensor[]) {
  const bytes = writeTflite(model);
  const graph = importTflite(bytes, { file: 'detector.tflite' });
  const feeds = Object.fromEntries(graph.inputs.map(({ name }, i) => [name, inputs[i]!]));
  const [interpreted, compiled] = [evaluate(graph, feeds), start(graph).run(feeds)];
  const expected = await runLiteRt(bytes, inputs);
  graph.outputs.forEach(({ name }, i) => {
    const actual = interpreted[name]!;
    const wanted = { type: actual.type, data: expected[i]! };
    t.equal(difference(wanted, actual, tolerance), undefined, `${name} as imported`);
    t.equal(difference(actual, compiled[name], tolerance), undefined, `${name} as compiled`);
  });
  return expected;
}

for (const [title, more] of [
  ['of all classes at once', {}],
  ['with a threshold that few pass', { nms_score_threshold: 0.96875 }],
  ['of each class for itself', { use_regular_nms: true, detections_per_class: 6 }],
] as const)
  t.test(`TFLite_Detection_PostProcess ${title} agrees with LiteRT`, async (t) => {
    const random = seeded(9);
    const [classes, most] = [3, 7];
    const options = {
      max_detections: most,
      max_classes_per_detection: 1,
      num_classes: classes,
      nms_score_threshold: 0.125,
      nms_iou_threshold: 0.5,
      y_scale: 10,
      x_scale: 10,
      h_scale: 5,
      w_scale: 5,
      use_regular_nms: false,
      ...more,
    };
    const anchors = fill([boxes, 4], (i) => (i % 4 < 2 ? random() : 0.2 + 0.3 * random()));
    const outputs: WrittenTensor[] = [[1, most, 4], [1, most], [1, most], [1]].map((shape, i) => ({
      shape,
      name: ['boxes', 'classes', 'scores', 'count'][i]!,
    }));
    const model: WrittenModel = {
      tensors: [
        { shape: [1, boxes, 4], name: 'offsets' },
        { shape: [1, boxes, classes + 1], name: 'predictions' },
        { shape: [boxes, 4], data: anchors.data as Float32Array, name: 'anchors' }, // made above
        ...outputs,
      ],
      operators: [
        {
          builtin: 32,
          custom: 'TFLite_Detection_PostProcess',
          customOptions: encode(sorted(options)),
          inputs: [0, 1, 2],
          outputs: [3, 4, 5, 6],
        },
      ],
      inputs: [0, 1],
      outputs: [3, 4, 5, 6],
    };
    const offsets = fill([1, boxes, 4], () => random() * 2 - 1);
    const predictions = fill([1, boxes, classes + 1], () => random());
    const [, , , count] = await agree(t, model, [offsets, predictions]);
    t.ok(count![0]! > 0, `${count![0]} boxes stay`);
  });

for (const [title, builtin] of [
  ['NON_MAX_SUPPRESSION_V4', 120],
  ['NON_MAX_SUPPRESSION_V5', 121],
] as const)
  t.test(`${title} agrees with LiteRT`, async (t) => {
    const random = seeded(4);
    const number = (value: number): WrittenTensor => ({ shape: [], data: Float32Array.of(value) });
    const five = builtin === 121;
    const corners = Array.from({ length: boxes }, () => [random(), random()] as const);
    const given = fill([boxes, 4], (i) => corners[i >> 2]![i % 2]! + (i % 4 < 2 ? 0 : 0.3));
    const scores = fill([boxes], () => random());
    const [most, outputs] = [12, five ? [7, 8, 9] : [7, 9]];
    await agree(
      t,
      {
        tensors: [
          { shape: [boxes, 4], name: 'corners' },
          { shape: [boxes], name: 'scores' },
          { shape: [], data: Int32Array.of(most) },
          number(0.4),
          number(0.2),
          number(0),
          { shape: [1] },
          { shape: [most], type: 'i32', name: 'indices' },
          { shape: [most], name: 'kept' },
          { shape: [], type: 'i32', name: 'count' },
        ],
        operators: [{ builtin, inputs: [0, 1, 2, 3, 4, ...(five ? [5] : [])], outputs }],
        inputs: [0, 1],
        outputs,
      },
      [given, scores],
    );
  });
