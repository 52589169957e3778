// Tensors by name in one file: 8 bytes of length, a JSON header, then the data.

import { allocate, elementCount, type Tensor } from '@espalier/ir';
import { badArray } from './errors.ts';

const dtypes = { F32: 'f32', I32: 'i32' } as const;

/** Tensors by name. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);

/**
 * Reads a `.safetensors` file of floats and 32-bit integers.
 *
 * @param file For messages.
 * @throws {EspalierError} BAD_ARRAY
 */
export function readSafetensors(bytes: Uint8Array, file: string): NamedTensors {
  if (bytes.length < 8) throw badArray(file, 'it is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw badArray(file, 'its header is cut off');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw badArray(file, 'its header is no JSON', cause);
  }
  if (!isRecord(header)) throw badArray(file, 'its header is no record');
  const body = bytes.subarray(8 + length);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
    const own = typeof dtype === 'string' && Object.hasOwn(dtypes, dtype) ? dtype : undefined;
    if (!own) throw badArray(file, `${name} has a type that is not read`);
    if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
      throw badArray(file, `${name} has no shape or place`);
    const [from, to] = offsets as [number, number];
    const count = elementCount(shape);
    if (to > body.length || !Number.isSafeInteger(count) || from + 4 * count !== to)
      throw badArray(file, `${name} does not lie in the file`);
    const type = { dtype: dtypes[own as keyof typeof dtypes], shape };
    const data = allocate(type);
    const at = new DataView(body.buffer, body.byteOffset + from, 4 * count);
    for (let i = 0; i < count; i++)
      data[i] = type.dtype === 'f32' ? at.getFloat32(4 * i, true) : at.getInt32(4 * i, true);
    tensors.set(name, { type, data });
  }
  return tensors;
}

/** Writes tensors of floats and 32-bit integers, in the order of their names. */
export function writeSafetensors(tensors: NamedTensors): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  let offset = 0;
  const header = Object.fromEntries(
    sorted.map(([name, { type, data }]) => {
      const from = offset;
      offset += 4 * data.length;
      const dtype = type.dtype === 'f32' ? 'F32' : 'I32';
      return [name, { dtype, shape: type.shape, data_offsets: [from, offset] }];
    }),
  );
  const json = new TextEncoder().encode(JSON.stringify(header));
  // Data begin at a multiple of 8, as the format recommends: spaces fill the header.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { type, data }] of sorted)
    for (const value of data) {
      if (type.dtype === 'f32') view.setFloat32(at, value, true);
      else view.setInt32(at, value, true);
      at += 4;
    }
  return bytes;
}
