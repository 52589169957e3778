// Files of TFLite models: what is read, and what is refused.

import { importTflite, isTflite, openModel, surveyTflite } from '@espalier/importers';
import { evaluate } from '@espalier/ir';
import t from 'tap';
import { type Sparsity, type WrittenModel, writeTflite } from '../support/write-tflite.ts';

const file = 'net.tflite';

/** `relu(x)` over `[1, 2, 2, 3]`, or what `over` makes of it. */
const relu = (over: Partial<WrittenModel> = {}): Uint8Array =>
  writeTflite({
    tensors: [
      { shape: [1, 2, 2, 3], name: 'x' },
      { shape: [1, 2, 2, 3], name: 'y' },
    ],
    operators: [{ builtin: 19, inputs: [0], outputs: [1] }],
    inputs: [0],
    outputs: [1],
    ...over,
  });

t.test('a model is recognised by its content, whatever it is called', async (t) => {
  t.ok(isTflite(relu()), 'the identifier is there');
  t.notOk(isTflite(new Uint8Array(64)), 'zeros are no model');
  const model = openModel(relu(), { file: 'net.bin' });
  t.same(model.inputs, ['x'], 'the input has the name of its tensor');
  const { inputs, outputs } = model.import({});
  t.same(inputs[0]?.type, { dtype: 'f32', shape: [1, 2, 2, 3] }, 'channels stay last');
  t.equal(outputs[0]?.name, 'y', 'so does the output');
});

t.test('every operator without an importer is named at once, with its places', async (t) => {
  const bytes = relu({
    operators: [
      { builtin: 103, inputs: [0], outputs: [1] },
      { builtin: 32, custom: 'Mystery', inputs: [0], outputs: [1] },
    ],
  });
  t.throws(() => importTflite(bytes, { file }), {
    code: 'UNSUPPORTED_OP',
    message: /UNIQUE: y\n.*Mystery \(custom\): y/,
  });
});

t.test('a survey says what becomes of each operator', async (t) => {
  const { operators, graph } = surveyTflite(relu(), { file });
  t.ok(graph, 'the model imports');
  t.match(operators, [{ operator: 'RELU', opset: 1, count: 1, fate: 'compiled' }], 'as one map');
  const refused = surveyTflite(relu({ operators: [{ builtin: 103, inputs: [0], outputs: [1] }] }), {
    file,
  });
  t.match(refused.operators, [{ operator: 'UNIQUE', fate: 'refused', nodes: ['y'] }], 'or why not');
});

t.test('an open extent is closed by the caller, the batch by 1', async (t) => {
  const open = (signature: number[]) =>
    relu({
      tensors: [
        { shape: [1, 1, 2, 3], signature, name: 'x' },
        { shape: [1, 1, 2, 3], signature, name: 'y' },
      ],
    });
  const batch = importTflite(open([-1, 1, 2, 3]), { file });
  t.same(batch.inputs[0]?.type.shape, [1, 1, 2, 3], 'a batch of one');
  t.throws(() => importTflite(open([1, -1, 2, 3]), { file }), { code: 'OPEN_SHAPE' });
  const closed = importTflite(open([1, -1, 2, 3]), { file, shapes: { x: [1, 7, 2, 3] } });
  t.same(closed.outputs[0]?.node.type.shape, [1, 7, 2, 3], 'the result follows');
  t.throws(() => importTflite(relu(), { file, shapes: { x: [1, 9, 2, 3] } }), {
    code: 'BAD_INPUT_SHAPE',
  });
});

t.test('a damaged file is refused with a code', async (t) => {
  const sound = relu();
  const damaged: readonly (readonly [string, Uint8Array, string])[] = [
    ['an empty file', new Uint8Array(0), 'BAD_MODEL'],
    ['a file of an identifier', sound.slice(0, 8), 'BAD_MODEL'],
    ['half a file', sound.slice(0, sound.length / 2), 'BAD_MODEL'],
    ['a tensor that is not there', relu({ outputs: [7] }), 'BAD_MODEL'],
    ['a result that nothing computes', relu({ operators: [] }), 'BAD_MODEL'],
    [
      'options of another operator',
      relu({ operators: [{ builtin: 25, options: 17, inputs: [0], outputs: [1] }] }),
      'BAD_MODEL',
    ],
    [
      'an absurd extent',
      relu({ tensors: [{ shape: [2 ** 30, 2 ** 30] }, { shape: [1] }] }),
      'MODEL_TOO_LARGE',
    ],
  ];
  for (const [what, bytes, code] of damaged)
    t.throws(() => importTflite(bytes, { file }), { code }, what);
});

/** What a fully connected layer of a sparse 4 by 4 matrix gives for the rows of a unit matrix: its transpose. */
function dense(data: Float32Array, sparsity: Sparsity): number[][] {
  const unit = Float32Array.from({ length: 16 }, (_, i) => Number(i % 5 === 0));
  const bytes = writeTflite({
    tensors: [
      { shape: [4, 4], name: 'x' },
      { shape: [4, 4], data, sparsity },
      { shape: [4, 4], name: 'w' },
      { shape: [4, 4], name: 'y' },
    ],
    operators: [
      { builtin: 124, inputs: [1], outputs: [2] },
      { builtin: 9, inputs: [0, 2, -1], outputs: [3] },
    ],
    inputs: [0],
    outputs: [3],
  });
  const graph = importTflite(bytes, { file });
  const { y } = evaluate(graph, { x: { type: { dtype: 'f32', shape: [4, 4] }, data: unit } });
  return [0, 1, 2, 3].map((o) => [0, 1, 2, 3].map((i) => y!.data[i * 4 + o]!));
}

t.test('weights come back where their zeros were left out', async (t) => {
  const rows = dense(Float32Array.of(1, 2, 3), {
    order: [0, 1],
    dimensions: [{ size: 4 }, { segments: [0, 1, 1, 3, 3], indices: [2, 0, 3] }],
  });
  t.same(
    rows,
    [
      [0, 0, 1, 0],
      [0, 0, 0, 0],
      [2, 0, 0, 3],
      [0, 0, 0, 0],
    ],
    'row by row',
  );
  const columns = dense(Float32Array.of(1, 2, 3), {
    order: [1, 0],
    dimensions: [{ size: 4 }, { segments: [0, 1, 1, 3, 3], indices: [2, 0, 3] }],
  });
  t.same(
    columns,
    [
      [0, 0, 2, 0],
      [0, 0, 0, 0],
      [1, 0, 0, 0],
      [0, 0, 3, 0],
    ],
    'column by column',
  );
  const blocks = dense(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), {
    order: [0, 1, 2, 3],
    blocks: [0, 1],
    dimensions: [{ size: 2 }, { segments: [0, 1, 2], indices: [1, 0] }, { size: 2 }, { size: 2 }],
  });
  t.same(
    blocks,
    [
      [0, 0, 1, 2],
      [0, 0, 3, 4],
      [5, 6, 0, 0],
      [7, 8, 0, 0],
    ],
    'block by block',
  );
});
