// Reading files: every element type, data beside the model, and what is refused.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  externalDataIn,
  importOnnx,
  outlineOnnx,
  readOnnx,
  readOnnxTensor,
} from '@espalier/importers';
import { evaluate } from '@espalier/ir';
import t from 'tap';
import {
  ModelProtoSchema,
  TensorProto_DataType as T,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '../../packages/importers/src/onnx/proto/onnx_pb.ts';

type TensorInit = Extract<MessageInitShape<typeof TensorProtoSchema>, { $typeName?: never }>;

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const decode = (tensor: TensorInit) =>
  readOnnxTensor(toBinary(TensorProtoSchema, create(TensorProtoSchema, tensor)), { file: 't.pb' });

/** A model whose one output is its one initializer. */
const stored = (tensor: TensorInit, producerName = ''): Uint8Array =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      producerName,
      opsetImport: [{ version: 17n }],
      graph: { initializer: [{ ...tensor, name: 'w' }], output: [{ name: 'w' }] },
    }),
  );

const types: readonly (readonly [string, TensorInit, readonly number[]])[] = [
  ['float32', { dataType: T.FLOAT, rawData: bytesOf(Float32Array.of(1.5, -2)) }, [1.5, -2]],
  ['uint4', { dataType: T.UINT4, rawData: Uint8Array.of(0xf1) }, [1, 15]],
  ['int4', { dataType: T.INT4, rawData: Uint8Array.of(0x87) }, [7, -8]],
  ['int4 in a list', { dataType: T.INT4, int32Data: [0x3f] }, [-1, 3]],
  ['float32 in a list', { dataType: T.FLOAT, floatData: [1.5, -2] }, [1.5, -2]],
  [
    'float64',
    { dataType: T.DOUBLE, rawData: bytesOf(Float64Array.of(0.1, -2)) },
    [Math.fround(0.1), -2],
  ],
  ['float64 in a list', { dataType: T.DOUBLE, doubleData: [0.1, -2] }, [Math.fround(0.1), -2]],
  [
    'float16',
    { dataType: T.FLOAT16, rawData: bytesOf(Uint16Array.of(0x3e00, 0xfc00)) },
    [1.5, -Infinity],
  ],
  ['float16 in a list', { dataType: T.FLOAT16, int32Data: [0x0001, 0xc000] }, [2 ** -24, -2]],
  [
    'bfloat16',
    { dataType: T.BFLOAT16, rawData: bytesOf(Uint16Array.of(0x3fc0, 0xc000)) },
    [1.5, -2],
  ],
  ['int8', { dataType: T.INT8, rawData: bytesOf(Int8Array.of(-3, 7)) }, [-3, 7]],
  ['uint8', { dataType: T.UINT8, rawData: Uint8Array.of(253, 7) }, [253, 7]],
  ['uint8 in a list', { dataType: T.UINT8, int32Data: [253, 7] }, [253, 7]],
  ['int16', { dataType: T.INT16, rawData: bytesOf(Int16Array.of(-300, 7)) }, [-300, 7]],
  ['uint16', { dataType: T.UINT16, rawData: bytesOf(Uint16Array.of(65000, 7)) }, [65000, 7]],
  ['int32', { dataType: T.INT32, rawData: bytesOf(Int32Array.of(-70000, 7)) }, [-70000, 7]],
  ['uint32', { dataType: T.UINT32, uint64Data: [70000n, 7n] }, [70000, 7]],
  ['int64', { dataType: T.INT64, rawData: bytesOf(BigInt64Array.of(-5n, 7n)) }, [-5, 7]],
  ['int64 in a list', { dataType: T.INT64, int64Data: [-5n, 7n] }, [-5, 7]],
  ['uint64', { dataType: T.UINT64, rawData: bytesOf(BigUint64Array.of(5n, 7n)) }, [5, 7]],
  ['bool', { dataType: T.BOOL, rawData: Uint8Array.of(1, 0) }, [1, 0]],
  ['bool in a list', { dataType: T.BOOL, int32Data: [0, 1] }, [0, 1]],
];

for (const [title, tensor, values] of types)
  t.test(`reads ${title}`, async (t) => {
    const { data, type } = decode({ ...tensor, dims: [2n] });
    t.same(Array.from(data), values, 'the values are those stored');
    t.same(type.shape, [2], 'the shape is the stored one');
  });

t.test('reads a tensor of no elements', async (t) => {
  const { data } = decode({ dataType: T.FLOAT, dims: [3n, 0n] });
  t.equal(data.length, 0, 'there is nothing');
});

t.test('refuses data that does not fill its dimensions', async (t) => {
  const short = { dataType: T.FLOAT, dims: [3n], rawData: new Uint8Array(8) };
  t.throws(() => decode(short), { code: 'BAD_MODEL' }, 'raw data');
  t.throws(
    () => decode({ dataType: T.FLOAT, dims: [3n], floatData: [1] }),
    { code: 'BAD_MODEL' },
    'lists',
  );
});

t.test('refuses absurd dimensions before it allocates', async (t) => {
  const huge = { dataType: T.FLOAT, dims: [1_000_000n, 1_000_000n] };
  t.throws(() => decode(huge), { code: 'MODEL_TOO_LARGE' }, '10^12 elements');
  const hidden = { dataType: T.FLOAT, dims: [1_000_000_000_000n, 0n] };
  t.throws(() => decode(hidden), { code: 'MODEL_TOO_LARGE' }, 'hidden by an empty axis');
  t.throws(() => decode({ dataType: T.FLOAT, dims: [-1n] }), { code: 'BAD_MODEL' }, 'negative');
});

t.test('refuses element types that ONNX lacks, and those that the graph cannot hold', async (t) => {
  const unknown = { dataType: 99, dims: [1n], rawData: new Uint8Array(4) };
  t.throws(() => decode(unknown), { code: 'BAD_MODEL' }, 'an undefined number');
  const complex = { dataType: T.COMPLEX64, dims: [1n], rawData: new Uint8Array(8) };
  t.throws(() => decode(complex), { code: 'UNSUPPORTED_TYPE' }, 'complex numbers');
});

t.test('refuses messages nested without end', async (t) => {
  // AttributeProto.g and GraphProto.node hold each other: fields 6, 1 and 5, all length-delimited.
  let bytes: number[] = [];
  const wrap = (tag: number, inner: number[]) => {
    const length: number[] = [];
    for (let n = inner.length; ; n >>>= 7) {
      length.push(n > 0x7f ? (n & 0x7f) | 0x80 : n);
      if (n <= 0x7f) return [tag, ...length, ...inner];
    }
  };
  for (let depth = 0; depth < 200; depth++) bytes = wrap(0x0a, wrap(0x2a, wrap(0x32, bytes)));
  t.throws(() => readOnnx(Uint8Array.from(wrap(0x3a, bytes)), { file: 'deep.onnx' }), {
    code: 'BAD_MODEL',
  });
});

t.test('refuses floods of tiny messages', async (t) => {
  const nodes = new Uint8Array(4_000_000);
  for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a; // GraphProto.node, empty
  const length = [
    0x80 | (4_000_000 & 0x7f),
    0x80 | ((4_000_000 >> 7) & 0x7f),
    0x80 | ((4_000_000 >> 14) & 0x7f),
    4_000_000 >> 21,
  ];
  const bytes = new Uint8Array([0x3a, ...length, ...nodes]);
  t.throws(() => readOnnx(bytes, { file: 'flood.onnx' }), { code: 'MODEL_TOO_LARGE' });
});

t.test('weights are no view of the file, which may go once they are decoded', async (t) => {
  const weights = { dataType: T.FLOAT, dims: [64n], rawData: new Uint8Array(256) };
  for (const producer of ['a', 'bb', 'ccc', 'dddd']) {
    const file = stored(weights, producer);
    const [output] = importOnnx(file, { file: 'm.onnx' }).outputs;
    if (output?.node.kind !== 'constant') return t.fail('the output is the weights');
    const { buffer, length } = output.node.value.data;
    t.not(buffer, file.buffer, 'they have memory of their own');
    t.equal(buffer.byteLength, 4 * length, 'and no more than that');
  }
});

t.test('external data', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'espalier-read-'));
  t.teardown(() => rmSync(top, { recursive: true }));
  const folder = join(top, 'model');
  mkdirSync(join(folder, 'data'), { recursive: true });
  const values = Float32Array.of(0, 1, 2, 3);
  writeFileSync(join(folder, 'data', 'w.bin'), bytesOf(values));
  writeFileSync(join(top, 'secret.bin'), bytesOf(values));
  symlinkSync(join(top, 'secret.bin'), join(folder, 'link.bin'));
  symlinkSync(join(folder, 'data', 'w.bin'), join(folder, 'inner.bin'));

  const load = (location: string, entries: Record<string, string> = {}, count = 2n) => {
    const externalData = Object.entries({ location, ...entries }).map(([key, value]) => ({
      key,
      value,
    }));
    const dataLocation = TensorProto_DataLocation.EXTERNAL;
    const bytes = stored({ dataType: T.FLOAT, dims: [count], dataLocation, externalData });
    const options = { file: 'm.onnx', external: externalDataIn(folder, 'm.onnx') };
    const node = importOnnx(bytes, options).outputs[0]?.node;
    return node?.kind === 'constant' ? Array.from(node.value.data) : undefined;
  };

  t.same(load('data/w.bin', { offset: '4', length: '8' }), [1, 2], 'a part of a file is read');
  t.same(load('data/w.bin'), [0, 1], 'without a length, as much as the dimensions need');
  t.same(load('inner.bin'), [0, 1], 'a link that stays inside is followed');
  const refused = { code: 'BAD_EXTERNAL_DATA' };
  for (const path of [
    '../secret.bin',
    '/etc/passwd',
    'data/../../secret.bin',
    '..\\secret.bin',
    'C:\\x',
    '',
  ])
    t.throws(() => load(path), refused, `${path || 'an empty path'} is refused`);
  t.throws(() => load('link.bin'), refused, 'a link that leaves the folder is refused');
  t.throws(() => load('missing.bin'), refused, 'a missing file is refused');
  t.throws(() => load('data'), refused, 'a folder is refused');
  t.throws(
    () => load('data/w.bin', { offset: '12' }),
    refused,
    'a range beyond the end is refused',
  );
  t.throws(() => load('data/w.bin', { offset: '-4' }), refused, 'a negative offset is refused');
  t.throws(() => load('data/w.bin', { length: '4' }), refused, 'a wrong length is refused');
  t.throws(
    () => load('data/w.bin', {}, 2n ** 40n),
    { code: 'MODEL_TOO_LARGE' },
    'absurd dimensions are refused',
  );
  const without = stored({
    dataType: T.FLOAT,
    dims: [2n],
    dataLocation: 1,
    externalData: [{ key: 'location', value: 'w' }],
  });
  t.throws(
    () => importOnnx(without, { file: 'm.onnx' }),
    refused,
    'without a reader it is refused',
  );
});

t.test('the outline of a file leaves its weights where they are', (t) => {
  const w = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i));
  const rawData = bytesOf(w);
  const bytes = stored({ dataType: T.FLOAT, dims: [5000n], rawData }, 'a maker');
  const read = (from: number, length: number) => bytes.slice(from, from + length);
  const outline = outlineOnnx(read, bytes.length, 'net.onnx');
  t.ok(outline.length < 200, `it has ${outline.length} of ${bytes.length} bytes`);
  t.throws(() => readOnnx(outline, { file: 'net.onnx' }), { code: 'BAD_EXTERNAL_DATA' });
  const external = (location: string, from: number, length = 0) => {
    t.equal(location, 'net.onnx', 'it refers to the file itself');
    return read(from, length);
  };
  const options = { file: 'net.onnx', external };
  const weightsOf = (model: Uint8Array) => evaluate(importOnnx(model, options), {}).w?.data;
  t.same(weightsOf(outline), w, 'and the weights are read from there');
  const small = stored({ dataType: T.FLOAT, dims: [2n], rawData: rawData.slice(0, 8) });
  t.same(
    outlineOnnx((from, length) => small.slice(from, from + length), small.length, 'net.onnx'),
    small,
    'small ones stay',
  );
  for (let end = 1; end < 120; end++) {
    const cut = bytes.slice(0, end);
    try {
      outlineOnnx((from, length) => cut.slice(from, from + length), end, 'net.onnx');
    } catch (error) {
      if ((error as { code?: string }).code !== 'BAD_MODEL') throw error;
    }
  }
  t.end();
});
