// The view of one call that its importer gets, over the values that are known so far.

import type { Builder, Location, Node, Tensor } from '@espalier/ir';
import { badModel, notConstant, unsupportedType, unsupportedUse } from '../errors.ts';
import { attributesOf } from './attributes.ts';
import type { Body, Call } from './flatten.ts';
import type { Importer, Result, Site } from './importer.ts';
import type { Known } from './known.ts';

/** A value of the model. */
export interface Value {
  readonly result: Result;
  /** Whether it holds integers that were beyond 32 bits. */
  readonly saturated: boolean;
  /** The number of ONNX's element type, where it is known. */
  readonly element?: number | undefined;
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
  /** Imports the calls of a body over values. */
  readonly run: (body: Body, inputs: readonly Value[], label: string) => readonly Value[];
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

  const maybe = (i: number): Result | undefined => {
    const value = find(i);
    if (value?.saturated && !tolerant)
      throw unsupportedType(`operand ${call.inputs[i]} holds integers beyond 32 bits`, at);
    saturated ||= value?.saturated === true;
    return value?.result;
  };

  const optional = (i: number): Node | undefined => {
    const result = maybe(i);
    return result && tensorOf(result, i);
  };

  const tensorOf = (result: Result, i: number): Node => {
    if (result.kind === 'sequence')
      throw badModel(`operand ${call.inputs[i]} of ${call.op} is a sequence`, at);
    return result;
  };

  const present = <T>(value: T | undefined, i: number): T => {
    if (value === undefined) throw badModel(`${call.op} lacks its operand ${i}`, at);
    return value;
  };

  const input = (i: number): Node => present(optional(i), i);

  const body = (attribute: string): Body => {
    const found = call.bodies.get(attribute);
    if (found === undefined) throw badModel(`${call.op} lacks its graph ${attribute}`, at);
    return found;
  };

  const constant = (i: number): Tensor | undefined => {
    const result = find(i)?.result;
    if (result === undefined) return undefined;
    const value = shared.known.value(tensorOf(result, i));
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
    requiredInts: (i) => present(ints(i), i),
    any: (i) => present(maybe(i), i),
    sequence(i) {
      const result = present(maybe(i), i);
      if (result.kind !== 'sequence')
        throw badModel(`operand ${call.inputs[i]} of ${call.op} is no sequence`, at);
      return result.items;
    },
    element: (i) => find(i)?.element,
    bodyInputs: (attribute) => body(attribute).inputCount,
    inline(attribute, inputs, round) {
      const values = inputs.map((result) => ({ result, saturated: false }));
      const label = `${call.label}/${attribute}/${round}`;
      return shared.run(body(attribute), values, label).map((value, i) => {
        if (value.saturated)
          throw unsupportedType(`result ${i} of ${attribute} is beyond 32 bits`, at);
        return value.result;
      });
    },
    known: shared.known.value,
    claim: (count, what) => shared.claim(count, what, at),
    zeros: (count) => shared.zeros(count, at),
    bad: (message) => badModel(`${call.op}: ${message}`, at),
    dynamic: (message) => notConstant(`${call.op}: ${message}`, at),
    unsupported: (message) => unsupportedUse(`${call.op}: ${message}`, at),
  };
  if (typeof importer.moves === 'function') tolerant = importer.moves(site);
  return { site, saturated: () => saturated };
}
