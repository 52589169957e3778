// Reads arrays that NumPy has saved: inputs to calibrate on.

import { elementCount, type Shape } from '@espalier/ir';
import { badArray } from './errors.ts';

/** An array of numbers, row-major. */
export interface NpyArray {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** How the elements of a type are read, and their bytes. */
const elements: Readonly<Record<string, readonly [bytes: number, read: keyof DataView]>> = {
  '<f4': [4, 'getFloat32'],
  '<f8': [8, 'getFloat64'],
  '|u1': [1, 'getUint8'],
  '|i1': [1, 'getInt8'],
  '<u2': [2, 'getUint16'],
  '<i2': [2, 'getInt16'],
  '<u4': [4, 'getUint32'],
  '<i4': [4, 'getInt32'],
};

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/**
 * Reads a `.npy` file as floats.
 *
 * @param file For messages.
 * @throws {EspalierError} BAD_ARRAY
 */
export function readNpy(bytes: Uint8Array, file: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || magic.some((byte, i) => bytes[i] !== byte))
    throw badArray(file, 'it is no .npy file');
  const long = bytes[6]! >= 2;
  const start = long ? 12 : 10;
  const headerBytes = long ? view.getUint32(8, true) : view.getUint16(8, true);
  if (headerBytes > bytes.length - start) throw badArray(file, 'its header is cut off');
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, start + headerBytes));
  const type = /'descr': '([^']{1,8})'/.exec(header)?.[1] ?? 'none';
  const element = Object.hasOwn(elements, type) ? elements[type] : undefined;
  if (!element) throw badArray(file, `elements of type ${type} are not read`);
  if (!/'fortran_order': False/.test(header)) throw badArray(file, 'it is not in C order');
  const listed = /'shape': \(([\d, ]{0,200})\)/.exec(header)?.[1];
  if (listed === undefined) throw badArray(file, 'its shape is not readable');
  const shape = listed
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const [size, read] = element;
  const count = elementCount(shape);
  const first = start + headerBytes;
  if (!Number.isSafeInteger(count) || count * size !== bytes.length - first)
    throw badArray(file, `[${shape}] of ${type} does not take its ${bytes.length - first} bytes`);
  const get = (view[read] as (offset: number, littleEndian: boolean) => number).bind(view);
  return {
    shape,
    data: Float32Array.from({ length: count }, (_, i) => get(first + i * size, true)),
  };
}
