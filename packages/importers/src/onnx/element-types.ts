// ONNX's element types: how each is stored, and which of the graph's types holds its values.

import type { DType, TensorData } from '@espalier/ir';
import type { TensorProto } from './proto/onnx_pb.ts';
import { TensorProto_DataType as T } from './proto/onnx_pb.ts';

type StoredIn = 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';

/** How an ONNX element type is stored and computed. */
export interface ElementType {
  readonly name: string;
  /** Size of an element in `raw_data`; some types are smaller than a byte. */
  readonly bits: number;
  /** The list that holds the elements where there is no `raw_data`, and how many entries each takes. */
  readonly field: StoredIn;
  readonly entries?: number;
  /** The graph's type; absent where the graph cannot hold the values. */
  readonly dtype?: DType;
  /** Whole numbers outside this range wrap when they are cast to the type. */
  readonly range?: readonly [number, number];
  /** Copies little-endian elements, widening or narrowing them. */
  readonly unpack?: (raw: DataView, out: TensorData) => void;
}

const each =
  (size: number, get: (raw: DataView, byte: number) => number) =>
  (raw: DataView, out: TensorData) => {
    for (let i = 0; i < out.length; i++) out[i] = get(raw, i * size);
  };

/** Two elements a byte, the first in its lower half. */
const nibbles = (get: (nibble: number) => number) => (raw: DataView, out: TensorData) => {
  for (let i = 0; i < out.length; i++) out[i] = get((raw.getUint8(i >> 1) >> (4 * (i & 1))) & 15);
};

/** Values beyond 32 bits become the nearest end of i32; `saturated` below tells that it happened. */
const clampToInt32 = (value: bigint): number => {
  if (value > 0x7fffffffn) return 0x7fffffff;
  return value < -0x80000000n ? -0x80000000 : Number(value);
};

/** An IEEE half as a number. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const word = new DataView(new ArrayBuffer(4));

/** A bfloat16, the upper half of a float32, as a number. */
export function fromBfloat16(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The element types by their number in `TensorProto.data_type`. */
export const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [
    T.FLOAT,
    {
      name: 'float32',
      bits: 32,
      field: 'floatData',
      dtype: 'f32',
      unpack: each(4, (raw, at) => raw.getFloat32(at, true)),
    },
  ],
  [
    T.UINT8,
    {
      name: 'uint8',
      bits: 8,
      field: 'int32Data',
      dtype: 'i32',
      range: [0, 0xff],
      unpack: each(1, (raw, at) => raw.getUint8(at)),
    },
  ],
  [
    T.INT8,
    {
      name: 'int8',
      bits: 8,
      field: 'int32Data',
      dtype: 'i32',
      range: [-0x80, 0x7f],
      unpack: each(1, (raw, at) => raw.getInt8(at)),
    },
  ],
  [
    T.UINT16,
    {
      name: 'uint16',
      bits: 16,
      field: 'int32Data',
      dtype: 'i32',
      range: [0, 0xffff],
      unpack: each(2, (raw, at) => raw.getUint16(at, true)),
    },
  ],
  [
    T.INT16,
    {
      name: 'int16',
      bits: 16,
      field: 'int32Data',
      dtype: 'i32',
      range: [-0x8000, 0x7fff],
      unpack: each(2, (raw, at) => raw.getInt16(at, true)),
    },
  ],
  [
    T.INT32,
    {
      name: 'int32',
      bits: 32,
      field: 'int32Data',
      dtype: 'i32',
      unpack: each(4, (raw, at) => raw.getInt32(at, true)),
    },
  ],
  [
    T.INT64,
    {
      name: 'int64',
      bits: 64,
      field: 'int64Data',
      dtype: 'i32',
      unpack: each(8, (raw, at) => clampToInt32(raw.getBigInt64(at, true))),
    },
  ],
  [T.STRING, { name: 'string', bits: 0, field: 'int32Data' }],
  [
    T.BOOL,
    {
      name: 'bool',
      bits: 8,
      field: 'int32Data',
      dtype: 'bool',
      unpack: each(1, (raw, at) => (raw.getUint8(at) ? 1 : 0)),
    },
  ],
  [
    T.FLOAT16,
    {
      name: 'float16',
      bits: 16,
      field: 'int32Data',
      dtype: 'f32',
      unpack: each(2, (raw, at) => fromHalf(raw.getUint16(at, true))),
    },
  ],
  [
    T.DOUBLE,
    {
      name: 'float64',
      bits: 64,
      field: 'doubleData',
      dtype: 'f32',
      unpack: each(8, (raw, at) => raw.getFloat64(at, true)),
    },
  ],
  [
    T.UINT32,
    {
      name: 'uint32',
      bits: 32,
      field: 'uint64Data',
      dtype: 'i32',
      unpack: each(4, (raw, at) => Math.min(raw.getUint32(at, true), 0x7fffffff)),
    },
  ],
  [
    T.UINT64,
    {
      name: 'uint64',
      bits: 64,
      field: 'uint64Data',
      dtype: 'i32',
      unpack: each(8, (raw, at) => clampToInt32(raw.getBigUint64(at, true))),
    },
  ],
  [T.COMPLEX64, { name: 'complex64', bits: 64, field: 'floatData', entries: 2 }],
  [T.COMPLEX128, { name: 'complex128', bits: 128, field: 'doubleData', entries: 2 }],
  [
    T.BFLOAT16,
    {
      name: 'bfloat16',
      bits: 16,
      field: 'int32Data',
      dtype: 'f32',
      unpack: each(2, (raw, at) => fromBfloat16(raw.getUint16(at, true))),
    },
  ],
  [T.FLOAT8E4M3FN, { name: 'float8e4m3fn', bits: 8, field: 'int32Data' }],
  [T.FLOAT8E4M3FNUZ, { name: 'float8e4m3fnuz', bits: 8, field: 'int32Data' }],
  [T.FLOAT8E5M2, { name: 'float8e5m2', bits: 8, field: 'int32Data' }],
  [T.FLOAT8E5M2FNUZ, { name: 'float8e5m2fnuz', bits: 8, field: 'int32Data' }],
  [
    T.UINT4,
    {
      name: 'uint4',
      bits: 4,
      field: 'int32Data',
      dtype: 'i32',
      range: [0, 15],
      unpack: nibbles((nibble) => nibble),
    },
  ],
  [
    T.INT4,
    {
      name: 'int4',
      bits: 4,
      field: 'int32Data',
      dtype: 'i32',
      range: [-8, 7],
      unpack: nibbles((nibble) => (nibble << 28) >> 28),
    },
  ],
  [T.FLOAT4E2M1, { name: 'float4e2m1', bits: 4, field: 'int32Data' }],
  [T.FLOAT8E8M0, { name: 'float8e8m0', bits: 8, field: 'int32Data' }],
  [T.UINT2, { name: 'uint2', bits: 2, field: 'int32Data' }],
  [T.INT2, { name: 'int2', bits: 2, field: 'int32Data' }],
]);

/** The list of a tensor that holds its elements where there is no `raw_data`. */
export const listed = (tensor: TensorProto, type: ElementType): readonly (number | bigint)[] =>
  tensor[type.field];
