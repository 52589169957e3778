// What operators see that take more than tensors: lists, branches, functions.

import type { Node } from '@espalier/ir';
import type { Attributes } from '../../tensorflow/attributes.ts';
import type { Room } from '../../tensorflow/room.ts';
import { type Held, type Results, type TensorList, together, type Value } from './value.ts';

/** A node of a graph model over values of every kind. */
export interface GraphSite extends Room {
  readonly attributes: Attributes;
  /** Operands in order. */
  readonly held: readonly Held[];
  /** Operand `i`. @throws {EspalierError} BAD_MODEL, if it is left out or a list */
  tensor(i: number): Node;
  /** Operand `i`. @throws {EspalierError} BAD_MODEL, if it is left out or no list */
  list(i: number): TensorList;
  /** The numbers of operand `i`. @throws {EspalierError} NOT_CONSTANT */
  numbers(i: number): number[];
  /** The results of the function that an attribute names. @throws {EspalierError} BAD_MODEL */
  call(attribute: string, operands: readonly Held[]): readonly Held[];
}

/** Turns a node into its results. */
export type GraphOperator = (site: GraphSite) => Results;

/** Importers of such operators, by name. */
export type GraphOperators = Readonly<Record<string, GraphOperator>>;

/** An operator whose results count wherever its operands do. */
export const plain =
  (run: (site: GraphSite) => readonly Value[]): GraphOperator =>
  (site) => {
    const guards = together(site.held);
    return run(site).map((value) => ({ value, guards }));
  };
