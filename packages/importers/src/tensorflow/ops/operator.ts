// What an operator's importer is, and what it sees of the node that it imports.

import type { Node } from '@espalier/ir';
import type { Attributes } from '../attributes.ts';
import type { Room } from '../room.ts';

/** One node of a model, as its importer sees it. */
export interface Site extends Room {
  readonly attributes: Attributes;
  /** Operands in order, without what only orders execution. */
  readonly inputs: readonly Node[];
  /** Operand `i`. @throws {EspalierError} BAD_MODEL, if it is left out */
  input(i: number): Node;
  /** The numbers of operand `i`, which must be known at import. @throws {EspalierError} NOT_CONSTANT */
  numbers(i: number): number[];
}

/** Turns a node into its results. */
export type Operator = (site: Site) => Node | readonly Node[];

/** Importers of a family of operators, by name. */
export type Operators = Readonly<Record<string, Operator>>;
