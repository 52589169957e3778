// Importing: open shapes, unknown operators, functions, integers beyond 32 bits.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { importOnnx } from '@espalier/importers';
import { evaluate, type Graph, type Tensor } from '@espalier/ir';
import t from 'tap';
import {
  type GraphProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataType as T,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';

type Init = Extract<MessageInitShape<typeof ModelProtoSchema>, { $typeName?: never }>;
type GraphInit = Extract<MessageInitShape<typeof GraphProtoSchema>, { $typeName?: never }>;

const model = (graph: GraphInit, rest: Init = {}): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: 17n }], graph, ...rest }),
  );

/** An input of floats; open dimensions are names. */
const input = (name: string, ...dims: (number | string)[]) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: T.FLOAT as number,
        shape: {
          dim: dims.map((dim) => ({
            value:
              typeof dim === 'number'
                ? { case: 'dimValue' as const, value: BigInt(dim) }
                : { case: 'dimParam' as const, value: dim },
          })),
        },
      },
    },
  },
});

const ints = (name: string, ...values: bigint[]) => ({
  name,
  dataType: T.INT64,
  dims: [BigInt(values.length)],
  int64Data: values,
});

const relu = (...dims: (number | string)[]): GraphInit => ({
  input: [input('x', ...dims)],
  node: [{ opType: 'Relu', input: ['x'], output: ['y'] }],
  output: [{ name: 'y' }],
});

const shapeOf = (graph: Graph) => graph.inputs[0]?.type.shape;

const row = (...values: number[]): Tensor => ({
  type: { dtype: 'f32', shape: [values.length] },
  data: Float32Array.from(values),
});

t.test('an open first dimension is a batch of one', async (t) => {
  t.same(shapeOf(importOnnx(model(relu('N', 3)), { file: 'm.onnx' })), [1, 3], 'N is 1');
});

t.test('the caller closes open dimensions', async (t) => {
  const graph = importOnnx(model(relu('N', 3, 'H')), { file: 'm.onnx', shapes: { x: [2, 3, 8] } });
  t.same(shapeOf(graph), [2, 3, 8], 'the shape is the given one');
});

t.test('all open inputs are listed, with an example', async (t) => {
  const graph = {
    ...relu('N', 3, 'H', 'W'),
    input: [input('x', 'N', 3, 'H', 'W'), input('z', 'N', 'K')],
  };
  t.throws(() => importOnnx(model(graph), { file: 'm.onnx' }), {
    code: 'OPEN_SHAPE',
    message: /x\[N, 3, H, W\][\s\S]*z\[N, K\]/,
    hint: /\?shape=x:1x3x224x224/,
  });
});

t.test('shapes that do not fit are refused', async (t) => {
  const load = (shapes: Record<string, number[]>) =>
    importOnnx(model(relu('N', 3)), { file: 'm.onnx', shapes });
  t.throws(() => load({ x: [1, 4] }), { code: 'BAD_INPUT_SHAPE', hint: /x is \[N, 3\]/ }, 'fixed');
  t.throws(() => load({ x: [1] }), { code: 'BAD_INPUT_SHAPE' }, 'of another rank');
  t.throws(
    () => load({ y: [1, 3] }),
    { code: 'BAD_INPUT_SHAPE', hint: /inputs are x/ },
    'of no input',
  );
});

t.test('every unknown operator is listed with its nodes', async (t) => {
  const node = [
    { opType: 'Frobnicate', name: 'first', input: ['x'], output: ['a'] },
    { opType: 'Relu', input: ['a'], output: ['b'] },
    { opType: 'Fold', domain: 'com.example', input: ['b'], output: ['c'] },
    { opType: 'Frobnicate', input: ['c'], output: ['y'] },
    { opType: 'Unused', input: ['x'], output: ['z'] },
  ];
  const opsetImport = [{ version: 17n }, { domain: 'com.example', version: 2n }];
  const bytes = model({ ...relu(3), node }, { opsetImport });
  t.throws(() => importOnnx(bytes, { file: 'm.onnx' }), {
    code: 'UNSUPPORTED_OP',
    message: /Frobnicate \(opset 17\): first, y[\s\S]*com\.example\.Fold \(opset 2\): c$/,
  });
});

t.test('operators inside of loops are listed too', async (t) => {
  const body: GraphInit = {
    node: [{ opType: 'Hidden', name: 'inner', output: ['a'] }],
    output: [{ name: 'a' }],
  };
  const node = [
    {
      opType: 'Loop',
      name: 'outer',
      input: ['x'],
      output: ['y'],
      attribute: [{ name: 'body', type: Kind.GRAPH, g: body }],
    },
  ];
  t.throws(
    () => importOnnx(model({ ...relu(1), node }), { file: 'm.onnx' }),
    { code: 'UNSUPPORTED_OP', message: /Hidden \(opset 17\): outer\/body\/inner$/ },
    'with its place',
  );
});

t.test('left-out weights are filled, or missed', async (t) => {
  const graph: GraphInit = {
    input: [input('x', 2)],
    initializer: [{ name: 'w', dataType: T.FLOAT, dims: [2n] }],
    node: [{ opType: 'Mul', input: ['x', 'w'], output: ['y'] }],
    output: [{ name: 'y' }],
  };
  const load = (fill?: (name: string, dims: readonly number[]) => Float32Array | undefined) =>
    importOnnx(model(graph), { file: 'm.onnx', ...(fill && { fill }) });
  const filled = load((name, [size]) =>
    name === 'w' ? new Float32Array(size!).fill(3) : undefined,
  );
  const { y } = evaluate(filled, { x: row(1, 2) });
  t.same(Array.from(y!.data), [3, 6], 'the filled weights are used');
  t.throws(() => load(), { code: 'BAD_MODEL' }, 'without a hook they are missing');
  t.throws(
    () => load(() => new Float32Array(3)),
    { code: 'BAD_MODEL' },
    'a wrong length is refused',
  );
});

t.test('failures say which node they are of', async (t) => {
  const node = [{ opType: 'Concat', name: 'join', input: ['x'], output: ['y'] }];
  t.throws(() => importOnnx(model({ ...relu(3), node }), { file: 'm.onnx' }), {
    code: 'BAD_MODEL',
    message: 'm.onnx, node join: attribute axis is missing',
  });
});

t.test('functions are inlined, attributes included', async (t) => {
  const functions = [
    {
      name: 'Twice',
      domain: 'local',
      input: ['a'],
      output: ['c'],
      attribute: ['slope'],
      opsetImport: [{ version: 17n }],
      node: [
        {
          opType: 'LeakyRelu',
          input: ['a'],
          output: ['b'],
          attribute: [{ name: 'alpha', refAttrName: 'slope', type: Kind.FLOAT }],
        },
        { opType: 'Add', input: ['b', 'b'], output: ['c'] },
      ],
    },
  ];
  const slope = (f: number) => [{ name: 'slope', type: Kind.FLOAT, f }];
  const node = [
    { opType: 'Twice', domain: 'local', input: ['x'], output: ['b'], attribute: slope(0.5) },
    { opType: 'Twice', domain: 'local', input: ['b'], output: ['y'], attribute: slope(0.25) },
  ];
  const opsetImport = [{ version: 17n }, { domain: 'local', version: 1n }];
  const graph = importOnnx(model({ ...relu(2), node }, { functions, opsetImport }), {
    file: 'm.onnx',
  });
  const { y } = evaluate(graph, { x: row(1, -4) });
  t.same(Array.from(y!.data), [4, -2], 'each call has its own slope');
});

t.test('functions that call themselves are refused', async (t) => {
  const functions = [
    {
      name: 'Loop',
      domain: 'local',
      input: ['a'],
      output: ['b'],
      node: [{ opType: 'Loop', domain: 'local', input: ['a'], output: ['b'] }],
    },
  ];
  const node = [{ opType: 'Loop', domain: 'local', input: ['x'], output: ['y'] }];
  const bytes = model({ ...relu(2), node }, { functions });
  t.throws(() => importOnnx(bytes, { file: 'm.onnx' }), { code: 'BAD_MODEL', message: /deep/ });
});

t.test('an end beyond 32 bits means the end', async (t) => {
  const graph: GraphInit = {
    input: [input('x', 5)],
    initializer: [ints('from', 2n), ints('far', 2n ** 63n - 1n)],
    node: [
      { opType: 'Identity', input: ['far'], output: ['to'] },
      { opType: 'Slice', input: ['x', 'from', 'to'], output: ['y'] },
    ],
    output: [{ name: 'y' }],
  };
  const { y } = evaluate(importOnnx(model(graph), { file: 'm.onnx' }), { x: row(1, 2, 3, 4, 5) });
  t.same(Array.from(y!.data), [3, 4, 5], 'the slice goes to the end');
});

t.test('data beyond 32 bits is refused', async (t) => {
  const graph: GraphInit = {
    initializer: [ints('a', 2n ** 40n), ints('b', 1n)],
    node: [{ opType: 'Add', input: ['a', 'b'], output: ['y'] }],
    output: [{ name: 'y' }],
  };
  t.throws(() => importOnnx(model(graph), { file: 'm.onnx' }), {
    code: 'UNSUPPORTED_TYPE',
    message: /operand a holds integers beyond 32 bits/,
  });
  const output: GraphInit = { initializer: [ints('a', 2n ** 40n)], output: [{ name: 'a' }] };
  t.throws(() => importOnnx(model(output), { file: 'm.onnx' }), { code: 'UNSUPPORTED_TYPE' });
});

t.test('shapes computed from shapes are known at import', async (t) => {
  const graph: GraphInit = {
    input: [input('x', 2, 3, 4)],
    initializer: [ints('zero', 0n), ints('one', 1n), ints('rest', -1n)],
    node: [
      { opType: 'Shape', input: ['x'], output: ['shape'] },
      { opType: 'Slice', input: ['shape', 'zero', 'one'], output: ['batch'] },
      {
        opType: 'Concat',
        input: ['batch', 'rest'],
        output: ['to'],
        attribute: [{ name: 'axis', type: Kind.INT, i: 0n }],
      },
      { opType: 'Reshape', input: ['x', 'to'], output: ['y'] },
    ],
    output: [{ name: 'y' }],
  };
  const [y] = importOnnx(model(graph), { file: 'm.onnx' }).outputs;
  t.same(y?.node.type.shape, [2, 12], 'the reshape is static');
});

t.test('a shape that depends on an input is refused, unless its value is given', async (t) => {
  const shape = input('to', 2);
  shape.type.value.value.elemType = T.INT64;
  const bytes = model({
    input: [input('x', 2, 3), shape],
    node: [{ opType: 'Reshape', name: 'r', input: ['x', 'to'], output: ['y'] }],
    output: [{ name: 'y' }],
  });
  t.throws(() => importOnnx(bytes, { file: 'm.onnx' }), {
    code: 'NOT_CONSTANT',
    at: { node: 'r' },
  });
  const to: Tensor = { type: { dtype: 'i32', shape: [2] }, data: Int32Array.of(3, 2) };
  const graph = importOnnx(bytes, { file: 'm.onnx', values: { to } });
  t.same(
    graph.inputs.map(({ name }) => name),
    ['x'],
    'what is given is no input any more',
  );
  t.same(graph.outputs[0]?.node.type.shape, [3, 2], 'the shape is the given one');
});

t.test('what is computed at import is bounded', async (t) => {
  const graph: GraphInit = {
    input: [input('x', 2)],
    initializer: [
      ints('huge', 2n ** 20n, 2n ** 7n),
      { name: 'all', dataType: T.INT64, dims: [0n] },
    ],
    node: [
      { opType: 'ConstantOfShape', input: ['huge'], output: ['many'] },
      {
        opType: 'Cast',
        input: ['many'],
        output: ['whole'],
        attribute: [{ name: 'to', type: Kind.INT, i: 7n }],
      },
      {
        opType: 'ReduceSum',
        input: ['whole'],
        output: ['sum'],
        attribute: [{ name: 'keepdims', type: Kind.INT, i: 0n }],
      },
      { opType: 'Unsqueeze', input: ['sum', 'axis'], output: ['n'] },
      { opType: 'Expand', input: ['x', 'n'], output: ['y'] },
    ],
    output: [{ name: 'y' }],
  };
  graph.initializer?.push(ints('axis', 0n));
  t.throws(() => importOnnx(model(graph), { file: 'm.onnx' }), { code: 'MODEL_TOO_LARGE' });
});

t.test('values without a maker, with two, and outputs of one name are refused', async (t) => {
  const bad = { code: 'BAD_MODEL' };
  const node = [{ opType: 'Relu', input: ['nowhere'], output: ['y'] }];
  t.throws(() => importOnnx(model({ ...relu(2), node }), { file: 'm.onnx' }), bad, 'no maker');
  const twice = [
    ...node.map((n) => ({ ...n, input: ['x'] })),
    { opType: 'Abs', input: ['x'], output: ['y'] },
  ];
  t.throws(
    () => importOnnx(model({ ...relu(2), node: twice }), { file: 'm.onnx' }),
    bad,
    'two makers',
  );
  const output = [{ name: 'y' }, { name: 'y' }];
  t.throws(() => importOnnx(model({ ...relu(2), output }), { file: 'm.onnx' }), bad, 'one name');
  const late = [
    { opType: 'Relu', input: ['b'], output: ['y'] },
    { opType: 'Abs', input: ['x'], output: ['b'] },
  ];
  t.throws(
    () => importOnnx(model({ ...relu(2), node: late }), { file: 'm.onnx' }),
    bad,
    'used before it is made',
  );
});
