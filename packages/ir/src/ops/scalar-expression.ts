// What a scalar expression is, and the constructors that make one.

import type { DType } from '../types.ts';
import type { ScalarName } from './scalar-functions.ts';

/** A scalar expression over arguments 0, 1, …. Plain data: it is compared, printed and hashed. */
export type Scalar =
  | { readonly kind: 'arg'; readonly index: number }
  | { readonly kind: 'literal'; readonly value: number; readonly dtype: DType }
  | { readonly kind: 'call'; readonly fn: ScalarName; readonly args: readonly Scalar[] };

/** What a scalar function is. `T` stands for the common type of its numeric arguments. */
export interface ScalarFunction {
  readonly arity: 1 | 2 | 3;
  /** The result's type. Throws BAD_DTYPE when the arguments do not fit. */
  infer(args: readonly DType[]): DType;
  /** The value in double precision; the caller rounds to the result's type. `dtype` is `T`. */
  evaluate(args: readonly number[], dtype: DType): number;
  /**
   * Partial derivatives as expressions over the same arguments; `none` where it is flat or discrete.
   */
  readonly derivative: ((args: readonly Scalar[]) => readonly Scalar[]) | 'none';
}

/** Argument `index` of the expression. */
export const arg = (index: number): Scalar => ({ kind: 'arg', index });

/** A number; the value is rounded to its type here, so that equal literals are equal data. */
export const literal = (value: number, dtype: DType = 'f32'): Scalar => ({
  kind: 'literal',
  value: roundTo(value, dtype),
  dtype,
});

/** A function applied to expressions. */
export const call = (fn: ScalarName, ...args: readonly Scalar[]): Scalar => ({
  kind: 'call',
  fn,
  args,
});

/** A double as the nearest value of a type: f32 rounds, i32 and u8 wrap, bool is 0 or 1. */
export function roundTo(value: number, dtype: DType): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'u8') return value & 255;
  return dtype === 'i32' ? value | 0 : Number(value !== 0);
}
