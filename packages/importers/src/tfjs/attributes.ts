// Attributes of a TensorFlow node as JSON has them: strings in base64, integers in quotes.

import type { Location } from '@espalier/ir';
import { badModel, unsupportedType } from '../errors.ts';
import type { Attributes } from '../tensorflow/attributes.ts';
import {
  asList,
  asRecord,
  asText,
  asWhole,
  field,
  isList,
  isRecord,
  type Json,
  type JsonRecord,
} from './json.ts';

/** Types of the graph that files name. */
type Named = NonNullable<ReturnType<Attributes['dtype']>>;

const dtypes = new Map<Json, Named>([
  ['DT_FLOAT', 'f32'],
  [1, 'f32'],
  ['DT_DOUBLE', 'f32'], // and one of floats
  [2, 'f32'],
  ['DT_INT32', 'i32'],
  [3, 'i32'],
  ['DT_INT64', 'i32'], // TF.js has one integer type
  [9, 'i32'],
  ['DT_UINT8', 'i32'],
  [4, 'i32'],
  ['DT_INT16', 'i32'],
  [5, 'i32'],
  ['DT_INT8', 'i32'],
  [6, 'i32'],
  ['DT_UINT16', 'i32'],
  [17, 'i32'],
  ['DT_BOOL', 'bool'],
  [10, 'bool'],
  ['DT_HALF', 'f32'],
  [19, 'f32'],
]);

/** A type by its name in protocol buffers or its number. @throws {EspalierError} UNSUPPORTED_TYPE */
export function parseDtype(value: Json | undefined, what: string, at: Location): Named {
  const dtype = value === undefined ? undefined : dtypes.get(value);
  if (dtype === undefined) throw unsupportedType(`${what} is ${JSON.stringify(value)}`, at);
  return dtype;
}

/** Extents of a TensorShapeProto; `undefined` for an open extent, or for a shape of unknown rank. */
export function parseShape(
  value: Json | undefined,
  at: Location,
): (number | undefined)[] | undefined {
  if (!isRecord(value) || field(value, 'unknownRank') === true) return undefined;
  return asList(field(value, 'dim') ?? [], 'a shape', at).map((dim) => {
    // proto3 leaves zeros out.
    const size = asWhole(field(asRecord(dim, 'an extent', at), 'size') ?? 0, 'an extent', at);
    return size < 0 ? undefined : size;
  });
}

/** Strings are base64, or lists of character codes. */
function decodeText(value: Json | undefined, what: string, at: Location): string {
  if (isList(value)) return String.fromCharCode(...value.map((code) => asWhole(code, what, at)));
  return Buffer.from(asText(value, what, at), 'base64').toString('latin1');
}

/** Wraps the `attr` of a node. */
export function attributesOf(attrs: JsonRecord, at: Location): Attributes {
  const find = (name: string, kind: string): Json | undefined => {
    const entry = field(attrs, name);
    if (entry === undefined) return undefined;
    return field(asRecord(entry, `attribute ${name}`, at), kind);
  };
  const list = (name: string, kind: string): readonly Json[] | undefined => {
    const entry = find(name, 'list');
    if (entry === undefined) return undefined;
    return asList(
      field(asRecord(entry, `attribute ${name}`, at), kind) ?? [],
      `attribute ${name}`,
      at,
    );
  };
  return {
    int: (name, fallback) => asWhole(find(name, 'i') ?? fallback, `attribute ${name}`, at),
    ints: (name) => list(name, 'i')?.map((value) => asWhole(value, `attribute ${name}`, at)),
    float(name, fallback) {
      const value = find(name, 'f') ?? fallback;
      if (typeof value !== 'number') throw badModel(`attribute ${name} is not a number`, at);
      return value;
    },
    flag: (name, fallback) => {
      const value = find(name, 'b');
      return value === undefined ? fallback : value === true;
    },
    text: (name, fallback) => {
      const value = find(name, 's');
      return value === undefined ? fallback : decodeText(value, `attribute ${name}`, at);
    },
    texts: (name) =>
      list(name, 's')?.map((value) => decodeText(value, `attribute ${name}`, at)) ?? [],
    dtype: (name) => {
      const value = find(name, 'type');
      return value === undefined ? undefined : parseDtype(value, `attribute ${name}`, at);
    },
    shape: (name) => parseShape(find(name, 'shape'), at),
  };
}
