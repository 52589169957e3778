// What nodes of a graph give while it is imported: tensors, complex ones, and lists that exist at import only.

import type { DType, Node } from '@espalier/ir';

/** A list of tensors: a TensorList or a TensorArray, as it is between two operators. */
export interface TensorList {
  readonly kind: 'list';
  /** Places that nothing was written to are `undefined`. */
  readonly items: readonly (Node | undefined)[];
  readonly dtype: Exclude<DType, 'u8'>;
  /** The shape of every item, as far as it is known. */
  readonly shape: readonly (number | undefined)[] | undefined;
}

/** Complex numbers, of which the graph knows the parts. */
export interface Complex {
  readonly kind: 'complex';
  readonly re: Node;
  readonly im: Node;
}

/** What a result is. */
export type Value = Node | TensorList | Complex;

/** Whether a result is a tensor of the graph. */
export const isTensor = (value: Value): value is Node =>
  value.kind !== 'list' && value.kind !== 'complex';

/** Conditions that only running decides, and what they are where a value counts. */
export type Guards = ReadonlyMap<Node, boolean>;

/** A value, and where it counts. */
export interface Held {
  readonly value: Value;
  readonly guards: Guards;
}

/** The results of a node; `undefined` for one on a branch that is not taken. */
export type Results = readonly (Held | undefined)[];

/** What always counts. */
export const always: Guards = new Map();

/** Guards of what needs several values. */
export function together(held: readonly Held[]): Guards {
  const guarded = held.filter(({ guards }) => guards.size > 0);
  if (guarded.length < 2) return guarded[0]?.guards ?? always;
  return new Map(guarded.flatMap(({ guards }) => [...guards]));
}
