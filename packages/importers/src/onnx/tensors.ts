// Tensors of a model file become the graph's: checked against their dimensions first, then decoded.

import { allocate, elementCount, type Location, type Tensor, type TensorData } from '@espalier/ir';
import { badModel, modelTooLarge, unsupportedType } from '../errors.ts';
import { type ElementType, elementTypes, fromBfloat16, fromHalf, listed } from './element-types.ts';
import type { TensorProto } from './proto/onnx_pb.ts';
import { TensorProto_DataType as T } from './proto/onnx_pb.ts';

/** The most elements that a tensor may have: 1 GiB of f32. */
export const maxElements = 2 ** 28;

const maxRank = 16;

/** What a tensor is, without its elements. */
export interface TensorHeader {
  readonly shape: readonly number[];
  readonly element: ElementType;
  /** Whether the elements are there; skeleton files leave them out. */
  readonly filled: boolean;
}

/** A decoded tensor. */
export interface Decoded {
  readonly tensor: Tensor;
  /** Whether some integer was beyond 32 bits and became the nearest that is not. */
  readonly saturated: boolean;
}

/**
 * The dimensions and element type of a tensor whose data has exactly the length that they imply, or
 * is absent altogether. Allocates nothing.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE
 */
export function checkTensor(tensor: TensorProto, at: Location): TensorHeader {
  const label = `tensor ${tensor.name || '(unnamed)'}`;
  const element = elementTypes.get(tensor.dataType);
  if (element === undefined)
    throw badModel(`${label} has element type ${tensor.dataType}, which ONNX does not define`, at);
  if (tensor.segment !== undefined) throw badModel(`${label} is split into segments`, at);
  const shape = checkDims(tensor.dims, label, at);
  const count = elementCount(shape);
  const list = listed(tensor, element);
  const entries = count * (element.entries ?? 1);
  if (element.name === 'string') {
    if (tensor.stringData.length !== count)
      throw badModel(`${label} has ${tensor.stringData.length} strings for ${count}`, at);
    return { shape, element, filled: true };
  }
  if (tensor.rawData.length > 0) {
    const bytes = Math.ceil((count * element.bits) / 8);
    if (tensor.rawData.length !== bytes)
      throw badModel(`${label} has ${tensor.rawData.length} bytes of data for ${bytes}`, at);
    return { shape, element, filled: true };
  }
  if (list.length > 0 && list.length !== entries && element.bits >= 8)
    throw badModel(`${label} has ${list.length} numbers of data for ${entries}`, at);
  return { shape, element, filled: count === 0 || list.length > 0 };
}

/** Dimensions as numbers whose product is bounded. */
export function checkDims(dims: readonly bigint[], label: string, at: Location): number[] {
  if (dims.length > maxRank) throw badModel(`${label} has ${dims.length} dimensions`, at);
  // A dimension of 0 empties the tensor, but must not hide an absurd one beside it.
  let product = 1;
  for (const dim of dims) {
    if (dim < 0n) throw badModel(`${label} has dimension ${dim}`, at);
    product *= Math.max(1, Number(dim));
    if (product > maxElements)
      throw modelTooLarge(`${label} claims [${dims.join(', ')}], over ${maxElements} elements`, at);
  }
  return dims.map(Number);
}

/**
 * The elements of a checked tensor: never a view of a larger buffer, so that the bytes of the file can go once
 * everything is decoded.
 *
 * @throws {EspalierError} UNSUPPORTED_TYPE
 */
export function decodeTensor(
  tensor: TensorProto,
  { shape, element }: TensorHeader,
  at: Location,
): Decoded {
  const { dtype, unpack, name } = element;
  if (dtype === undefined || unpack === undefined)
    throw unsupportedType(`tensor ${tensor.name || '(unnamed)'} holds ${name}`, at);
  const type = { dtype, shape };
  const raw = tensor.rawData;
  if (raw.length === 0) {
    const data = allocate(type);
    const list = listed(tensor, element);
    if (element.bits < 8)
      return { tensor: { type, data: unlisted(list, element, data) }, saturated: false };
    const convert = entryOf(tensor.dataType);
    // Data may be absent where there are no elements.
    for (let i = 0; i < data.length; i++) data[i] = convert(list[i]!);
    return { tensor: { type, data }, saturated: integers(element) && list.some(beyondInt32) };
  }
  if (tensor.dataType === T.FLOAT && isAligned(raw)) {
    const data = new Float32Array(raw.buffer, raw.byteOffset, elementCount(shape));
    return { tensor: { type, data }, saturated: false };
  }
  if (tensor.dataType === T.FLOAT) {
    const data = new Float32Array(new Uint8Array(raw).buffer);
    return { tensor: { type, data }, saturated: false };
  }
  const data = allocate(type);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  unpack(view, data);
  return { tensor: { type, data }, saturated: integers(element) && saturates(view, element) };
}

/** Whether bytes can be seen as floats and keep nothing else alive: data that was read from a file of its own. */
const isAligned = (raw: Uint8Array): boolean =>
  raw.byteOffset === 0 && raw.byteLength === raw.buffer.byteLength;

/** Elements of less than a byte, listed a byte at a time. */
function unlisted(
  list: readonly (number | bigint)[],
  { bits, unpack }: ElementType,
  data: TensorData,
): TensorData {
  const bytes = new Uint8Array(Math.ceil((data.length * bits) / 8));
  bytes.set(list.slice(0, bytes.length).map(Number));
  unpack?.(new DataView(bytes.buffer), data);
  return data;
}

const integers = ({ bits, dtype }: ElementType) => dtype === 'i32' && bits >= 32;

const beyondInt32 = (value: number | bigint) => value > 0x7fffffff || value < -0x80000000;

/** Whether raw data of a wide integer type holds a value beyond 32 bits. */
function saturates(raw: DataView, { name }: ElementType): boolean {
  const step = name === 'uint32' ? 4 : 8;
  if (name === 'int32') return false;
  for (let at = 0; at < raw.byteLength; at += step) {
    if (name === 'uint32' && raw.getUint32(at, true) > 0x7fffffff) return true;
    if (name === 'uint64' && raw.getBigUint64(at, true) > 0x7fffffffn) return true;
    if (name === 'int64' && beyondInt32(raw.getBigInt64(at, true))) return true;
  }
  return false;
}

/** How an entry of a tensor's list becomes a number: half floats are listed as their bits. */
function entryOf(dataType: number): (entry: number | bigint) => number {
  if (dataType === T.FLOAT16) return (entry) => fromHalf(Number(entry));
  if (dataType === T.BFLOAT16) return (entry) => fromBfloat16(Number(entry));
  if (dataType === T.BOOL) return (entry) => (entry ? 1 : 0);
  if (dataType === T.FLOAT || dataType === T.DOUBLE) return Number;
  return (entry) => Math.max(-0x80000000, Math.min(0x7fffffff, Number(entry)));
}
