// Branches, loops and sequences whose course is known at import, against ONNX Runtime.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { importOnnx } from '@espalier/importers';
import { evaluate, type Tensor } from '@espalier/ir';
import t, { type Test } from 'tap';
import {
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataType as T,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';
import { difference } from '../support/compare.ts';
import { runOnnx } from '../support/onnxruntime.ts';
import { tensor } from '../support/tensors.ts';

type GraphInit = Extract<MessageInitShape<typeof GraphProtoSchema>, { $typeName?: never }>;

const declared = (name: string, elemType: number, ...dims: number[]) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType,
        shape: {
          dim: dims.map((dim) => ({ value: { case: 'dimValue' as const, value: BigInt(dim) } })),
        },
      },
    },
  },
});
const floats = (name: string, ...dims: number[]) => declared(name, T.FLOAT, ...dims);
const node = (op: string, input: string[], output: string[], ...attribute: object[]) => ({
  opType: op,
  input,
  output,
  attribute,
});
const body = (name: string, g: GraphInit) => ({ name, type: Kind.GRAPH, g });
const int = (name: string, i: number) => ({ name, type: Kind.INT, i: BigInt(i) });
const ints = (name: string, ...list: number[]) => ({
  name,
  type: Kind.INTS,
  ints: list.map(BigInt),
});
const int64 = (name: string, dims: number[], ...values: number[]) => ({
  name,
  dataType: T.INT64 as number,
  dims: dims.map(BigInt),
  int64Data: values.map(BigInt),
});
const truth = (name: string, value: boolean) => ({
  name,
  dataType: T.BOOL as number,
  dims: [],
  int32Data: [Number(value)],
});

const model = (graph: GraphInit): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ version: 17n }],
      graph: { name: 'graph', ...graph },
    }),
  );

const x = tensor('f32[3,2]', [1, -2, 3, 4, -5, 6]);

async function agrees(
  t: Test,
  graph: GraphInit,
  message: string,
  inputs: Readonly<Record<string, Tensor>> = { x },
) {
  const bytes = model(graph);
  const results = evaluate(importOnnx(bytes, { file: 'm.onnx' }), inputs);
  for (const [name, wanted] of Object.entries(await runOnnx(bytes, inputs)))
    t.equal(
      difference(wanted, results[name], { relative: 1e-6, absolute: 1e-6 }),
      undefined,
      `${message}: ${name}`,
    );
}

/** Branches that see `x` from outside. */
const branches = (condition: string) =>
  node(
    'If',
    [condition],
    ['y'],
    body('then_branch', {
      name: 'then',
      node: [node('Neg', ['x'], ['a'])],
      output: [floats('a', 3, 2)],
    }),
    body('else_branch', {
      name: 'else',
      initializer: [{ name: 'w', dataType: T.FLOAT, dims: [2n], floatData: [10, 20] }],
      node: [node('Mul', ['x', 'w'], ['a'])],
      output: [floats('a', 3, 2)],
    }),
  );

t.test('a branch is taken where its condition is known', async (t) => {
  for (const value of [true, false])
    await agrees(
      t,
      {
        input: [floats('x', 3, 2)],
        initializer: [truth('c', value)],
        node: [branches('c')],
        output: [{ name: 'y' }],
      },
      `${value}`,
    );
});

t.test('where an input decides, both branches are computed', async (t) => {
  const bytes = model({
    input: [floats('x', 3, 2), declared('rate', T.INT64)],
    initializer: [int64('limit', [], 8000)],
    node: [node('Greater', ['rate', 'limit'], ['c']), branches('c')],
    output: [{ name: 'y' }],
  });
  const wanted = [
    [16000, [-1, 2, -3, -4, 5, -6]],
    [8000, [10, -40, 30, 80, -50, 120]],
  ] as const;
  for (const [rate, result] of wanted) {
    const graph = importOnnx(bytes, { file: 'm.onnx', values: { rate } });
    t.same([...evaluate(graph, { x }).y!.data], result, `given ${rate}`);
    const inputs = { x, rate: tensor('i32[]', [rate]) };
    const either = evaluate(importOnnx(bytes, { file: 'm.onnx' }), inputs);
    t.same([...either.y!.data], result, `fed ${rate}`);
  }
  t.throws(
    () => importOnnx(bytes, { file: 'm.onnx', values: { sr: 1 } }),
    { code: 'BAD_INPUT_SHAPE', hint: 'its inputs are x, rate' },
    'a value for no input is refused',
  );
});

t.test('branches of different shapes need to know', async (t) => {
  const bytes = model({
    input: [floats('x', 3, 2), declared('c', T.BOOL)],
    node: [
      node(
        'If',
        ['c'],
        ['y'],
        body('then_branch', { node: [node('Neg', ['x'], ['a'])], output: [{ name: 'a' }] }),
        body('else_branch', {
          node: [node('Flatten', ['x'], ['a'], int('axis', 0))],
          output: [{ name: 'a' }],
        }),
      ),
    ],
    output: [{ name: 'y' }],
  });
  t.throws(
    () => importOnnx(bytes, { file: 'm.onnx' }),
    { code: 'NOT_CONSTANT', message: /between f32\[3,2\] and f32\[1,6\]/ },
    'unknown',
  );
  const graph = importOnnx(bytes, { file: 'm.onnx', values: { c: 0 } });
  t.same(graph.outputs[0]?.node.type.shape, [1, 6], 'known');
});

t.test('the branch that is not taken may hold anything', async (t) => {
  const graph = {
    input: [floats('x', 3, 2)],
    initializer: [truth('c', true)],
    node: [
      node(
        'If',
        ['c'],
        ['y'],
        body('then_branch', { node: [node('Neg', ['x'], ['a'])], output: [{ name: 'a' }] }),
        body('else_branch', { node: [node('Hidden', ['x'], ['a'])], output: [{ name: 'a' }] }),
      ),
    ],
    output: [{ name: 'y' }],
  };
  t.ok(importOnnx(model(graph), { file: 'm.onnx' }), 'an operator without importer');
  const taken = { ...graph, initializer: [truth('c', false)] };
  t.throws(
    () => importOnnx(model(taken), { file: 'm.onnx' }),
    { code: 'UNSUPPORTED_OP', message: /Hidden/ },
    'unless it is taken',
  );
});

const loopBody: GraphInit = {
  name: 'body',
  input: [declared('i', T.INT64), declared('going', T.BOOL), floats('sum', 2)],
  node: [
    node('Gather', ['x', 'i'], ['row']),
    node('Add', ['sum', 'row'], ['next']),
    node('Identity', ['next'], ['listed']),
    node('Less', ['i', 'last'], ['more']),
  ],
  output: [declared('more', T.BOOL), floats('next', 2), floats('listed', 2)],
};

t.test('a loop of known rounds is written out', async (t) => {
  const graph = (limit: number, last: number): GraphInit => ({
    input: [floats('x', 3, 2)],
    initializer: [
      int64('limit', [], limit),
      int64('last', [], last),
      truth('c', true),
      { name: 'zero', dataType: T.FLOAT, dims: [2n], floatData: [0, 0] },
    ],
    node: [node('Loop', ['limit', 'c', 'zero'], ['sum_', 'list'], body('body', loopBody))],
    output: [{ name: 'sum_' }, { name: 'list' }],
  });
  await agrees(t, graph(3, 100), 'to its limit');
  await agrees(t, graph(100, 1), 'until its condition fails');
});

t.test('a scan runs along axes in either direction', async (t) => {
  const scan: GraphInit = {
    name: 'body',
    input: [floats('h', 2), floats('u', 2), floats('v', 2)],
    node: [
      node('Mul', ['u', 'v'], ['product']),
      node('Add', ['h', 'product'], ['next']),
      node('Tanh', ['next'], ['listed']),
    ],
    output: [floats('next', 2), floats('listed', 2)],
  };
  await agrees(
    t,
    {
      input: [floats('x', 3, 2), floats('v', 2, 3), floats('h0', 2)],
      node: [
        node(
          'Scan',
          ['h0', 'x', 'v'],
          ['h1', 'list'],
          body('body', scan),
          int('num_scan_inputs', 2),
          ints('scan_input_axes', 0, 1),
          ints('scan_input_directions', 0, 1),
          ints('scan_output_axes', 1),
          ints('scan_output_directions', 1),
        ),
      ],
      output: [{ name: 'h1' }, { name: 'list' }],
    },
    'with two inputs',
    { x, v: tensor('f32[2,3]', [1, 2, 3, 4, 5, 6]), h0: tensor('f32[2]', [0.5, -1]) },
  );
});

t.test('sequences are lists at import', async (t) => {
  await agrees(
    t,
    {
      input: [floats('x', 3, 2)],
      initializer: [int64('one', [], 1), int64('minus', [], -1), int64('parts', [2], 1, 2)],
      node: [
        node('Neg', ['x'], ['n']),
        node('SequenceConstruct', ['x', 'n'], ['s']),
        node('SequenceInsert', ['s', 'x', 'one'], ['t']),
        node('SequenceAt', ['t', 'minus'], ['last']),
        node('SequenceLength', ['t'], ['count']),
        node('SequenceErase', ['t', 'minus'], ['e']),
        node('ConcatFromSequence', ['e'], ['joined'], int('axis', 1)),
        node('ConcatFromSequence', ['t'], ['stacked'], int('axis', 0), int('new_axis', 1)),
        node('SplitToSequence', ['x', 'parts'], ['p'], int('axis', 0)),
        node('SequenceAt', ['p', 'one'], ['part']),
      ],
      output: ['last', 'count', 'joined', 'stacked', 'part'].map((name) => ({ name })),
    },
    'every operator',
  );
});

t.test('a sequence may not leave the model', async (t) => {
  const graph = {
    input: [floats('x', 3, 2)],
    node: [node('SequenceConstruct', ['x'], ['s'])],
    output: [{ name: 's' }],
  };
  t.throws(() => importOnnx(model(graph), { file: 'm.onnx' }), { code: 'UNSUPPORTED_TYPE' });
});

t.test('maxima go back to where a pool found them, in a larger image, too', async (t) => {
  const graph = {
    input: [floats('v', 1, 1, 2, 2)],
    initializer: [int64('at', [1, 1, 2, 2], 5, 7, 13, 15), int64('to', [4], 1, 1, 5, 5)],
    node: [
      node(
        'MaxUnpool',
        ['v', 'at', 'to'],
        ['y'],
        ints('kernel_shape', 2, 2),
        ints('strides', 2, 2),
      ),
    ],
    output: [{ name: 'y' }],
  };
  const v = tensor('f32[1,1,2,2]', [1, 2, 3, 4]);
  const { y } = evaluate(importOnnx(model(graph), { file: 'm.onnx' }), { v });
  // The example of ONNX's specification; ONNX Runtime counts in the larger image.
  const places = Object.fromEntries(
    [...y!.data].flatMap((value, i) => (value ? [[i, value]] : [])),
  );
  t.same(places, { 6: 1, 8: 2, 16: 3, 18: 4 }, 'indices count in the image that was pooled');
});
