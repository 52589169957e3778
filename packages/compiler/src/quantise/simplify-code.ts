// Shorter expressions for codes: clamps that a code has anyway go, and factors are multiplied beforehand.

import { call, type Scalar, showScalar } from '@espalier/ir';
import { type Code, greatestCode } from './codes.ts';
import { type LinearForm, linearForm, scalarOf } from './linear-form.ts';

/** The other operand where one is a literal. */
function beside(
  expr: Scalar & { readonly kind: 'call' },
): [value: Scalar, bound: number] | undefined {
  const [a, b] = expr.args as [Scalar, Scalar];
  if (b.kind === 'literal') return [a, b.value];
  return a.kind === 'literal' ? [b, a.value] : undefined;
}

/** A value without the outermost clamps that its code makes superfluous. */
export function unclamped(value: Scalar, code: Code): Scalar {
  if (value.kind !== 'call') return value;
  const at = (bound: number) => bound / code.scale + code.zero;
  if (value.fn === 'relu') return at(0) <= 0 ? unclamped(value.args[0]!, code) : value;
  if (value.fn !== 'max' && value.fn !== 'min') return value;
  const bounded = beside(value);
  if (!bounded) return value;
  const [inner, bound] = bounded;
  // Codes are rounded: half a code beyond the end is the end.
  const superfluous = value.fn === 'max' ? at(bound) < 0.5 : at(bound) > greatestCode - 0.5;
  return superfluous ? unclamped(inner, code) : value;
}

/** How a code is computed from a tensor's sums. */
export interface CodeOfSums {
  readonly expr: Scalar;
  /** What the scales of the sums are to be multiplied by. */
  readonly factor: number;
}

/** The code of a value as a linear form, to be rounded. */
function codeForm(value: Scalar, code: Code): LinearForm {
  const { terms, constant } = linearForm(unclamped(value, code));
  return {
    terms: terms.map(({ term, factor }) => ({ term, factor: factor / code.scale })),
    constant: constant / code.scale + code.zero,
  };
}

/** The code of a value as a short expression. */
export const shortCode = (value: Scalar, code: Code): Scalar =>
  call('toCode', scalarOf(codeForm(value, code)));

/** Whether an expression is, or is made of, a part. */
const contains = (expr: Scalar, part: string): boolean =>
  showScalar(expr) === part ||
  (expr.kind === 'call' && expr.args.some((inner) => contains(inner, part)));

/**
 * The code of a value that is computed from scaled sums. Where these are one term of it and occur nowhere
 * else, the factor of the term is left to the scales.
 */
export function codeOfSums(value: Scalar, code: Code, scaled: Scalar): CodeOfSums {
  const form = codeForm(value, code);
  const key = showScalar(scaled);
  const own = form.terms.find(({ term }) => showScalar(term) === key);
  const others = form.terms.filter((part) => part !== own);
  if (!own || others.some(({ term }) => contains(term, key)))
    return { expr: shortCode(value, code), factor: 1 };
  const terms = [{ term: scaled, factor: 1 }, ...others];
  return { expr: call('toCode', scalarOf({ ...form, terms })), factor: own.factor };
}
