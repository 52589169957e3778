// The affine code of a tensor: which numbers the codes 0 … 127 stand for.

import { arg, call, literal, type Scalar } from '@espalier/ir';

/** The least and the greatest value that a tensor was seen to have. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Code `q` stands for `scale · (q − zero)`. */
export interface Code {
  readonly scale: number;
  /** The code of 0, which is exact: padding and `relu` need it. */
  readonly zero: number;
}

/** The greatest code: the relaxed dot product takes 7 bits on every engine. */
export const greatestCode = 127;

/** The range that holds both. */
export const unionOf = (a: Range, b: Range): Range => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});

/** The code whose ends are those of a range, 0 included. */
export function codeOf({ min, max }: Range): Code {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = Math.fround((high - low) / greatestCode);
  // Of nothing but zeros, or of what is too small for a float, any code will do.
  if (!(scale > 1e-30) || !Number.isFinite(scale)) return { scale: 1, zero: 0 };
  return { scale, zero: Math.min(greatestCode, Math.round(-low / scale)) };
}

/** The value of a code. */
export const decoded = (code: Scalar, { scale, zero }: Code): Scalar =>
  call('mul', plus(call('toF32', code), -zero), literal(scale));

const plus = (value: Scalar, shift: number): Scalar =>
  shift === 0 ? value : call('add', value, literal(shift));

/** `decoded` of the only operand. */
export const decode = (code: Code): Scalar => decoded(arg(0), code);
