// What an operator's importer is, and what it sees of the operator that it imports.

import type { Node } from '@espalier/ir';
import type { Site as TensorflowSite } from '../tensorflow/ops/operator.ts';
import type { Options } from './options.ts';
import type { Quantization } from './quantization.ts';
import type { DeclaredTensor } from './read.ts';

/** The value of a tensor. */
export interface Value {
  /** Elements; of a quantised tensor its codes less their zero points, in f32. */
  readonly node: Node;
  readonly quantization: Quantization | undefined;
}

/** One operator of a model, as its importer sees it. Operands are what codes stand for. */
export interface Site extends TensorflowSite {
  /** Operand `i`; `undefined` if it is left out. */
  optional(i: number): Node | undefined;
  /** Operand `i` as codes; `undefined` if it is left out. */
  value(i: number): Value | undefined;
  /** Result `i` as the file declares it. @throws {EspalierError} BAD_MODEL, if there is none */
  result(i: number): DeclaredTensor;
  /** What a custom operator has for options. */
  readonly customOptions: Uint8Array;
}

/** An operator that can be imported. */
export interface Operator {
  /** Its table of options; one named `activation` is applied to the results. */
  readonly options?: Options;
  /** Whether it moves or compares elements, so that codes of one quantisation may stay codes. */
  readonly moves?: true;
  import(site: Site): Node | readonly Node[];
  /** The same on codes, where operand 0 and the result are quantised: codes less their zero points; `undefined` to leave it. */
  codes?(site: Site): Node | undefined;
  /** A remark for the table in the documents. */
  readonly note?: string;
}

/** Importers of a family of operators, by name. */
export type Operators = Readonly<Record<string, Operator>>;
