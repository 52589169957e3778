// Operators whose meaning TensorFlow and ONNX share go through ONNX's importer.

import type { Node } from '@espalier/ir';
import { badModel } from '../errors.ts';
import type { Attributes } from '../onnx/attributes.ts';
import type { Site as OnnxSite } from '../onnx/importer.ts';
import { importerOf } from '../onnx/ops/index.ts';
import { type Room, zeros } from './room.ts';

/** Values of ONNX attributes, by name. */
type Given = Readonly<Record<string, number | string | readonly number[] | readonly string[]>>;

/** Opset that borrowed operators follow. */
const opset = 17;

/** Result 0 of an ONNX operator over nodes; `undefined` for an operand that is left out. */
export function borrow(
  room: Room,
  op: string,
  inputs: readonly (Node | undefined)[],
  given: Given = {},
): Node {
  return borrowAll(room, op, inputs, given, 1)[0]!;
}

/** The first `wanted` results of an ONNX operator. */
export function borrowAll(
  room: Room,
  op: string,
  inputs: readonly (Node | undefined)[],
  given: Given,
  wanted: number,
): Node[] {
  const results = importerOf(op, '')!.import(siteOver(room, inputs, given, wanted));
  const list = 'length' in results ? results : [results];
  // Borrowed operators give tensors.
  return list.slice(0, wanted) as Node[];
}

function siteOver(
  room: Room,
  inputs: readonly (Node | undefined)[],
  given: Given,
  wanted: number,
): OnnxSite {
  const input = (i: number): Node => {
    const node = inputs[i];
    if (node === undefined) throw room.bad(`operand ${i} is missing`);
    return node;
  };
  const constant = (i: number) => {
    const node = inputs[i];
    if (node === undefined) return undefined;
    const value = room.known(node);
    if (value === undefined) throw room.dynamic(`operand ${i} is known only when the model runs`);
    return value;
  };
  const ints = (i: number) => {
    const value = constant(i);
    return value && Array.from(value.data);
  };
  const none = () => {
    throw room.unsupported('sequences and graphs as operands');
  };
  return {
    b: room.b,
    at: room.at,
    opset,
    attributes: attributesOver(room, given),
    inputCount: inputs.length,
    outputCount: wanted,
    input,
    any: input,
    optional: (i) => inputs[i],
    inputs: () => inputs.map((_, i) => input(i)),
    wants: (i) => i < wanted,
    ints,
    requiredInts: (i) => ints(i) ?? [],
    constant,
    known: room.known,
    claim: room.claim,
    zeros: (count) => zeros(room, count),
    bad: room.bad,
    dynamic: room.dynamic,
    unsupported: room.unsupported,
    element: () => undefined,
    sequence: none,
    bodyInputs: none,
    inline: none,
  };
}

function attributesOver({ at }: Room, given: Given): Attributes {
  const find = (name: string) => (Object.hasOwn(given, name) ? given[name] : undefined);
  const required = <T>(name: string, value: T | undefined): T => {
    if (value === undefined) throw badModel(`attribute ${name} is missing`, at);
    return value;
  };
  // The callers of `borrow` write the values, as ONNX types them.
  return {
    has: (name) => find(name) !== undefined,
    int: (name, fallback) => required(name, (find(name) as number | undefined) ?? fallback),
    float: (name, fallback) => required(name, (find(name) as number | undefined) ?? fallback),
    string: (name, fallback) => required(name, (find(name) as string | undefined) ?? fallback),
    ints: (name) => find(name) as number[] | undefined,
    floats: (name) => find(name) as number[] | undefined,
    strings: (name) => find(name) as string[] | undefined,
    tensor: () => undefined,
  };
}
