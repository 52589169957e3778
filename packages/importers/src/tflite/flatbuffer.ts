// Reads tables of a FlatBuffers file. Nothing is read before it is known to be inside of the file.
//
//   table:   int32 back to its vtable | fields
//   vtable:  uint16 own size | uint16 size of the table | uint16 place of each field in the table, 0 if left out
//   vector:  uint32 count | elements            string: a vector of bytes
//   every reference is a uint32 forward from its own place

import type { Location } from '@espalier/ir';
import { badModel, modelTooLarge } from '../errors.ts';

/** A table; fields are named by their number in the schema, and give the fallback where they are left out. */
export interface Table {
  /** Where the table is in the file. */
  readonly place: number;
  has(field: number): boolean;
  int8(field: number, fallback?: number): number;
  uint8(field: number, fallback?: number): number;
  int32(field: number, fallback?: number): number;
  uint32(field: number, fallback?: number): number;
  /** @throws {EspalierError} BAD_MODEL, beyond 2^53 */
  uint64(field: number): number;
  float32(field: number, fallback?: number): number;
  text(field: number): string;
  table(field: number): Table | undefined;
  tables(field: number): Table[];
  int32s(field: number): number[] | undefined;
  uint16s(field: number): number[] | undefined;
  uint8s(field: number): number[] | undefined;
  /** As numbers: exact up to 2^53. */
  int64s(field: number): number[] | undefined;
  float32s(field: number): number[] | undefined;
  /** A view of the file. */
  bytes(field: number): Uint8Array | undefined;
}

/** A file that is being read. */
interface File {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly at: Location;
  /** Guards against elements that are read again and again. */
  spend(count: number): void;
}

const mostText = 2 ** 16;

/**
 * The table at the root of a file.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE; so do all methods of the tables that it leads to
 */
export function rootTable(bytes: Uint8Array, at: Location): Table {
  // Elements have at least a byte; sound files share few of them.
  let left = 2 * bytes.length + 2 ** 16;
  const file: File = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    at,
    spend(count) {
      left -= count;
      if (left < 0) throw modelTooLarge('the file refers to its parts over and over', at);
    },
  };
  return tableAt(file, follow(file, 0, 'the root table'), 'the root table');
}

function inside({ bytes, at }: File, place: number, length: number, what: string): number {
  if (place < 0 || place + length > bytes.length)
    throw badModel(`${what} at byte ${place} is outside of the file's ${bytes.length} bytes`, at);
  return place;
}

/** Where the reference at `place` leads. */
const follow = (file: File, place: number, what: string): number =>
  place + file.view.getUint32(inside(file, place, 4, what), true);

function tableAt(file: File, place: number, what: string): Table {
  const { view } = file;
  file.spend(1);
  const vtable = place - view.getInt32(inside(file, place, 4, what), true);
  const own = view.getUint16(inside(file, vtable, 4, `the fields of ${what}`), true);
  const size = view.getUint16(vtable + 2, true);
  inside(file, vtable, own, `the fields of ${what}`);
  inside(file, place, size, what);

  /** Where a field is, if it is there. */
  const find = (field: number, length: number): number | undefined => {
    const entry = 4 + 2 * field;
    const offset = entry + 2 > own ? 0 : view.getUint16(vtable + entry, true);
    if (offset === 0) return undefined;
    if (offset < 4 || offset + length > size)
      throw badModel(`field ${field} of ${what} is outside of it`, file.at);
    return place + offset;
  };
  const scalar =
    (length: number, get: (place: number) => number) =>
    (field: number, fallback = 0): number => {
      const found = find(field, length);
      return found === undefined ? fallback : get(found);
    };
  const reference = (field: number): number | undefined => {
    const found = find(field, 4);
    return found === undefined ? undefined : follow(file, found, `field ${field} of ${what}`);
  };
  /** The first element and the count of a vector. */
  const vector = (field: number, width: number) => {
    const start = reference(field);
    if (start === undefined) return undefined;
    const label = `the vector in field ${field} of ${what}`;
    const count = view.getUint32(inside(file, start, 4, label), true);
    return { first: inside(file, start + 4, count * width, label), count };
  };
  const list =
    (width: number, get: (place: number) => number) =>
    (field: number): number[] | undefined => {
      const found = vector(field, width);
      if (found === undefined) return undefined;
      file.spend(found.count);
      return Array.from({ length: found.count }, (_, i) => get(found.first + i * width));
    };
  const raw = (field: number): Uint8Array | undefined => {
    const found = vector(field, 1);
    return found && file.bytes.subarray(found.first, found.first + found.count);
  };

  return {
    place,
    has: (field) => find(field, 1) !== undefined,
    int8: scalar(1, (at) => view.getInt8(at)),
    uint8: scalar(1, (at) => view.getUint8(at)),
    int32: scalar(4, (at) => view.getInt32(at, true)),
    uint32: scalar(4, (at) => view.getUint32(at, true)),
    uint64: scalar(8, (at) => {
      const value = view.getBigUint64(at, true);
      if (value > BigInt(Number.MAX_SAFE_INTEGER))
        throw badModel(`${what} holds ${value}`, file.at);
      return Number(value);
    }),
    float32: scalar(4, (at) => view.getFloat32(at, true)),
    text(field) {
      const found = raw(field);
      if (found === undefined) return '';
      file.spend(found.length);
      if (found.length > mostText) throw badModel(`a name of ${found.length} bytes`, file.at);
      return new TextDecoder().decode(found);
    },
    table(field) {
      const found = reference(field);
      return found === undefined ? undefined : tableAt(file, found, `field ${field} of ${what}`);
    },
    tables(field) {
      const found = vector(field, 4);
      if (found === undefined) return [];
      file.spend(found.count);
      return Array.from({ length: found.count }, (_, i) => {
        const label = `element ${i} of field ${field} of ${what}`;
        return tableAt(file, follow(file, found.first + 4 * i, label), label);
      });
    },
    int32s: list(4, (at) => view.getInt32(at, true)),
    uint16s: list(2, (at) => view.getUint16(at, true)),
    uint8s: list(1, (at) => view.getUint8(at)),
    int64s: list(8, (at) => Number(view.getBigInt64(at, true))),
    float32s: list(4, (at) => view.getFloat32(at, true)),
    bytes: raw,
  };
}
