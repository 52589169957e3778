// A node's attributes, looked up by name and checked for kind.

import type { Location } from '@espalier/ir';
import { badModel } from '../errors.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  type TensorProto,
} from './proto/onnx_pb.ts';

/** Attributes by name. Integers beyond 32 bits become the nearest that is not. */
export interface Attributes {
  has(name: string): boolean;
  /** @throws {EspalierError} BAD_MODEL, if it is absent and there is no fallback, or not an integer. */
  int(name: string, fallback?: number): number;
  float(name: string, fallback?: number): number;
  string(name: string, fallback?: string): string;
  ints(name: string): number[] | undefined;
  floats(name: string): number[] | undefined;
  strings(name: string): string[] | undefined;
  tensor(name: string): TensorProto | undefined;
}

const text = new TextDecoder();

/** Wraps the attributes of one node. */
export function attributesOf(list: readonly AttributeProto[], at: Location): Attributes {
  const byName = new Map(list.map((attribute) => [attribute.name, attribute]));

  const find = (name: string, kind: Kind): AttributeProto | undefined => {
    const found = byName.get(name);
    if (found === undefined) return undefined;
    // The first exporters left the kind out.
    if (found.type !== kind && found.type !== Kind.UNDEFINED)
      throw badModel(`attribute ${name} has kind ${found.type} where ${kind} belongs`, at);
    return found;
  };

  const required = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw badModel(`attribute ${name} is missing`, at);
    return value;
  };

  const number = (value: bigint | undefined) =>
    value === undefined ? undefined : Math.max(-0x80000000, Math.min(0x7fffffff, Number(value)));

  return {
    has: (name) => byName.has(name),
    int: (name, fallback) => required(name, number(find(name, Kind.INT)?.i) ?? fallback),
    float: (name, fallback) => required(name, find(name, Kind.FLOAT)?.f ?? fallback),
    string: (name, fallback) => {
      const bytes = find(name, Kind.STRING)?.s;
      return required(name, bytes === undefined ? fallback : text.decode(bytes));
    },
    ints: (name) => find(name, Kind.INTS)?.ints.map((value) => number(value)!),
    strings: (name) => find(name, Kind.STRINGS)?.strings.map((bytes) => text.decode(bytes)),
    floats: (name) => find(name, Kind.FLOATS)?.floats,
    tensor: (name) => find(name, Kind.TENSOR)?.t,
  };
}
