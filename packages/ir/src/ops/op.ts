// What an op is: one record with everything that the rest of the house asks about it.

import type { Builder } from '../builder.ts';
import type { AxisLink } from '../channels.ts';
import type { Node } from '../node.ts';
import type { Tensor, TensorType } from '../types.ts';

/** Number of operands; `many` is a list. */
export type Arity = 1 | 2 | 3 | 'many';

/** The operands of an op, as `T`. */
export type Operands<N extends Arity, T> = N extends 1
  ? readonly [T]
  : N extends 2
    ? readonly [T, T]
    : N extends 3
      ? readonly [T, T, T]
      : readonly T[];

/** What a gradient rule sees besides the gradient of the result. */
export interface Forward<N extends Arity> {
  readonly inputs: Operands<N, Node>;
  readonly output: Node;
}

/**
 * Gradients of the operands, in order, from the gradient of the result; `undefined` for an operand
 * through which nothing flows (indices, tables).
 */
export type GradientRule<A, N extends Arity> = (
  b: Builder,
  dy: Node,
  attrs: A,
  forward: Forward<N>,
) => readonly (Node | undefined)[];

interface Described<A, N extends Arity> {
  readonly name: string;
  readonly arity: N;
  /** The result's type. Throws BAD_SHAPE or BAD_DTYPE when the operands do not fit. */
  infer(inputs: Operands<N, TensorType>, attrs: A): TensorType;
  readonly gradient: GradientRule<A, N> | 'none';
  /** Which axes of operands and result must be narrowed together. */
  channels(attrs: A, inputs: Operands<N, TensorType>, output: TensorType): readonly AxisLink[];
  /** Multiply-accumulates of one evaluation. */
  macs(attrs: A, inputs: Operands<N, TensorType>, output: TensorType): number;
}

/** An op with a kernel in every target. */
export interface Primitive<A, N extends Arity> extends Described<A, N> {
  /** Computes the result in plain loops: the oracle for every kernel. */
  evaluate(inputs: Operands<N, Tensor>, attrs: A, output: Tensor): void;
}

/** An op made of others; the compiler never sees it. */
export interface Composition<A, N extends Arity> extends Described<A, N> {
  decompose(b: Builder, inputs: Operands<N, Node>, attrs: A): Node;
}

/** One op of the graph. */
export type Op<A, N extends Arity> = Primitive<A, N> | Composition<A, N>;

/** Names the record's type, so that the compiler asks for every field. */
export const defineOp = <A extends object, N extends Arity>(op: Op<A, N>): Op<A, N> => op;
