// Outputs that the caller names, in models of every format: what comes behind them may be anything.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { openModel } from '@espalier/importers';
import { evaluate } from '@espalier/ir';
import t from 'tap';
import {
  ModelProtoSchema,
  NodeProtoSchema,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';
import { oneNode } from '../support/onnx-model.ts';
import { floats, graphModel, inMemory } from '../support/tfjs-model.ts';
import { writeTflite } from '../support/write-tflite.ts';

const x = floats([1, 4], [-1, 2, -3, 4]);

/** Each takes `x`, gives `relu(x)` under the name `h`, and then calls what nobody knows. */
const models = {
  'TF.js graph model': graphModel({
    inputs: { x },
    nodes: [
      { name: 'h', op: 'Relu', input: ['x'] },
      { name: 'y', op: 'Strange', input: ['h'] },
    ],
    outputs: ['y'],
  }).bytes(),
  'TF.js layers model': inMemory(
    {
      format: 'layers-model',
      modelTopology: {
        class_name: 'Sequential',
        config: [
          { class_name: 'InputLayer', config: { name: 'x', batch_input_shape: [1, 4] } },
          { class_name: 'ReLU', config: { name: 'h' } },
          { class_name: 'Strange', config: { name: 'y' } },
        ],
      },
      weightsManifest: [],
    },
    new Uint8Array(0),
  ).bytes(),
  TFLite: writeTflite({
    tensors: ['x', 'h', 'y'].map((name) => ({ shape: [1, 4], name })),
    operators: [
      { builtin: 19, inputs: [0], outputs: [1] },
      { builtin: 32, custom: 'Strange', inputs: [1], outputs: [2] },
    ],
    inputs: [0],
    outputs: [2],
  }),
  ONNX: strangeOnnx(),
};

function strangeOnnx(): Uint8Array {
  const bytes = oneNode({ op: 'Relu', opset: 17, operands: [{ shape: [1, 4] }] });
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!; // `oneNode` has made it
  graph.input[0]!.name = 'x';
  graph.node = [
    create(NodeProtoSchema, { opType: 'Relu', input: ['x'], output: ['h'] }),
    create(NodeProtoSchema, { opType: 'Strange', input: ['h'], output: ['y'] }),
  ];
  graph.output[0]!.name = 'y';
  return toBinary(ModelProtoSchema, model);
}

for (const [format, bytes] of Object.entries(models))
  t.test(
    `${format}: a value becomes an output, and what comes behind it is left out`,
    async (t) => {
      const open = (outputs?: string[]) => openModel(bytes, { file: 'net', outputs });
      t.throws(() => open().import({}), { code: 'UNSUPPORTED_OP' }, 'the whole is refused');
      const graph = open(['h']).import({});
      t.same(
        graph.outputs.map(({ name }) => name),
        ['h'],
        'the output has its name',
      );
      t.same(Array.from(evaluate(graph, { x }).h!.data), [0, 2, 0, 4], 'it is computed');
      t.ok(open(['h']).survey({}).graph, 'a survey sees what is left');
      t.throws(
        () => open(['g']).import({}),
        { code: 'NO_OUTPUT', message: 'the model has no value g', hint: /its own outputs are y/ },
        'an unknown name is refused, with the model’s own',
      );
    },
  );

t.test('results of one node are told apart by their place', async (t) => {
  const model = graphModel({
    inputs: { x },
    nodes: [{ name: 'parts', op: 'Unpack', input: ['x'], attr: { axis: { i: '1' } } }],
    outputs: ['parts'],
  });
  const graph = openModel(model.bytes(), { file: 'net', outputs: ['parts:2', 'x'] }).import({});
  const results = evaluate(graph, { x });
  t.same(Object.keys(results), ['parts:2', 'x'], 'in the order that the caller gives');
  t.same(Array.from(results['parts:2']!.data), [-3], 'the third result is the third column');
});
