// What an operator's importer is, and what it sees of the call that it turns into nodes.

import type { Builder, EspalierError, Location, Node, Tensor } from '@espalier/ir';
import type { Attributes } from './attributes.ts';

/** A list of tensors: what ONNX's sequences are, whose length must be known at import. */
export interface Sequence {
  readonly kind: 'sequence';
  readonly items: readonly Node[];
}

/** What a call gives: a tensor or a list of them. */
export type Result = Node | Sequence;

/** One call of an operator, as its importer sees it. */
export interface Site {
  /** Makes nodes that carry the call's name. */
  readonly b: Builder;
  /** Version of the operator set that the call follows. */
  readonly opset: number;
  readonly attributes: Attributes;
  readonly at: Location;
  /** Number of operands that the call lists, left-out ones included. */
  readonly inputCount: number;
  readonly outputCount: number;
  /** Operand `i`. @throws {EspalierError} BAD_MODEL, if it is left out */
  input(i: number): Node;
  /** Operand `i`, or `undefined` if it is left out. */
  optional(i: number): Node | undefined;
  /** All operands of a variadic operator. */
  inputs(): Node[];
  /** Whether result `i` has a name. */
  wants(i: number): boolean;
  /**
   * The integers of operand `i`, which must be known at import; those beyond 32 bits are the nearest
   * that is not. `undefined` if it is left out.
   *
   * @throws {EspalierError} NOT_CONSTANT
   */
  ints(i: number): number[] | undefined;
  /** The same of an operand that may not be left out. @throws {EspalierError} BAD_MODEL */
  requiredInts(i: number): number[];
  /** The elements of operand `i`, which must be known at import; `undefined` if it is left out. */
  constant(i: number): Tensor | undefined;
  /** Operand `i`, a tensor or a sequence. @throws {EspalierError} BAD_MODEL, if it is left out */
  any(i: number): Result;
  /** The tensors of operand `i`, a sequence. @throws {EspalierError} BAD_MODEL, if it is none */
  sequence(i: number): readonly Node[];
  /** The number of ONNX's element type of operand `i`, where the model tells. */
  element(i: number): number | undefined;
  /** How many inputs the graph in an attribute has. @throws {EspalierError} BAD_MODEL, without it */
  bodyInputs(attribute: string): number;
  /**
   * The results of the graph in an attribute over its inputs; `round` sets repetitions apart.
   *
   * @throws {EspalierError} BAD_MODEL, without such an attribute
   */
  inline(attribute: string, inputs: readonly Result[], round: number): readonly Result[];
  /** The value of a node, if it depends on no input. */
  known(node: Node): Tensor | undefined;
  /** Guards what is about to be allocated. @throws {EspalierError} MODEL_TOO_LARGE */
  claim(count: number, what: string): number;
  /** An f32 constant of zeros, one node for each length. */
  zeros(count: number): Node;
  /** The model breaks the operator's rules. */
  bad(message: string): EspalierError;
  /** Something has to be known at import and is not. */
  dynamic(message: string): EspalierError;
  /** The operator's rules allow what has no importer. */
  unsupported(message: string): EspalierError;
}

/** Turns a call into nodes: one result, or a list in the operator's order. */
export interface Importer {
  /** The first version of the operator set that it follows; default 7. */
  readonly since?: number;
  /** What a user has to know, for the table in docs/onnx.md. */
  readonly note?: string;
  /** Whether it only moves elements, so that integers beyond 32 bits may pass through. */
  readonly moves?: true | ((site: Site) => boolean);
  /** The number of ONNX's element type of result 0; by default that of operand 0, if it only moves elements. */
  readonly element?: (site: Site) => number | undefined;
  readonly import: (site: Site) => Result | readonly (Result | undefined)[];
}

/** Importers of a family of operators, by name. */
export type Importers = Readonly<Record<string, Importer>>;

/** A non-negative axis. @throws {EspalierError} BAD_MODEL, if it is out of range */
export function resolveAxis(site: Site, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (resolved < 0 || resolved >= rank) throw site.bad(`axis ${axis} of a rank ${rank} tensor`);
  return resolved;
}

/** Non-negative axes in ascending order. @throws {EspalierError} BAD_MODEL, if one repeats */
export function resolveAxes(site: Site, axes: readonly number[], rank: number): number[] {
  const resolved = axes.map((axis) => resolveAxis(site, axis, rank)).sort((a, b) => a - b);
  if (new Set(resolved).size < axes.length) throw site.bad(`axes [${axes.join(', ')}] repeat`);
  return resolved;
}

/** Integers that were an attribute up to some version, and an input from then on. */
export const attributeOrInput = (
  site: Site,
  name: string,
  input: number,
  since: number,
): number[] | undefined => (site.opset < since ? site.attributes.ints(name) : site.ints(input));
