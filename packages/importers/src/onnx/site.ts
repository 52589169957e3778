// The view of one call that its importer gets, over the values that are known so far.

import type { Builder, Location, Node, Tensor } from '@espalier/ir';
import { badModel, notConstant, unsupportedType, unsupportedUse } from '../errors.ts';
import { attributesOf } from './attributes.ts';
import type { Call } from './flatten.ts';
import type { Importer, Site } from './importer.ts';
import type { Known } from './known.ts';

/** A value of the model. */
export interface Value {
  readonly node: Node;
  /** Whether it holds integers that were beyond 32 bits. */
  readonly saturated: boolean;
}

/** What the calls of one import share. */
export interface Shared {
  readonly b: Builder;
  readonly file: string;
  readonly find: (name: string) => Value | undefined;
  readonly known: Known;
  /** Takes a number of elements out of what one import may allocate. */
  readonly claim: (count: number, what: string, at: Location) => number;
  readonly zeros: (count: number, at: Location) => Node;
}

/** The site of a call; `saturated` tells whether it has read an operand that is. */
export function siteOf(call: Call, importer: Importer, shared: Shared) {
  const at = { file: shared.file, node: call.label };
  const b = shared.b.named(call.label);
  let tolerant = importer.moves === true;
  let saturated = false;

  const find = (i: number): Value | undefined => {
    const name = call.inputs[i];
    if (name === undefined || name === '') return undefined;
    const value = shared.find(name);
    if (value === undefined) throw badModel(`operand ${name} is computed nowhere before it`, at);
    return value;
  };

  const optional = (i: number): Node | undefined => {
    const value = find(i);
    if (value?.saturated && !tolerant)
      throw unsupportedType(`operand ${call.inputs[i]} holds integers beyond 32 bits`, at);
    saturated ||= value?.saturated === true;
    return value?.node;
  };

  const input = (i: number): Node => {
    const node = optional(i);
    if (node === undefined) throw badModel(`${call.op} lacks its operand ${i}`, at);
    return node;
  };

  const constant = (i: number): Tensor | undefined => {
    const node = find(i)?.node;
    if (node === undefined) return undefined;
    const value = shared.known.value(node);
    if (value === undefined)
      throw notConstant(`operand ${call.inputs[i]} of ${call.op} depends on an input`, at);
    return value;
  };

  const ints = (i: number): number[] | undefined => {
    const value = constant(i);
    if (value?.type.dtype === 'f32')
      throw badModel(`operand ${call.inputs[i]} of ${call.op} holds floats, not integers`, at);
    return value === undefined ? undefined : Array.from(value.data);
  };

  const site: Site = {
    b,
    opset: call.opset,
    attributes: attributesOf(call.attributes, at),
    at,
    inputCount: call.inputs.length,
    outputCount: call.outputs.length,
    input,
    optional,
    constant,
    inputs: () => call.inputs.map((_, i) => input(i)),
    wants: (i) => Boolean(call.outputs[i]),
    ints,
    requiredInts(i) {
      const values = ints(i);
      if (values === undefined) throw badModel(`${call.op} lacks its operand ${i}`, at);
      return values;
    },
    known: shared.known.value,
    claim: (count, what) => shared.claim(count, what, at),
    zeros: (count) => shared.zeros(count, at),
    bad: (message) => badModel(`${call.op}: ${message}`, at),
    unsupported: (message) => unsupportedUse(`${call.op}: ${message}`, at),
  };
  if (typeof importer.moves === 'function') tolerant = importer.moves(site);
  return { site, saturated: () => saturated };
}
