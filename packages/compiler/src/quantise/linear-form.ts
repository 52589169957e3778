// Scalar expressions as sums of multiples: scales, codes of zero and factors meet in one constant each.

import { call, literal, type Scalar, showScalar } from '@espalier/ir';

/** A constant: one number for each channel, or one for all. */
export type Vector = readonly number[];

/** `f` of two constants, channel by channel. */
export const combined = (a: Vector, b: Vector, f: (a: number, b: number) => number): Vector =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    f(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!),
  );

/** Whether a constant is one number for all channels. */
export const isUniform = (vector: Vector): boolean => vector.every((value) => value === vector[0]);

/** `Σ factor · term + constant`, terms in order of appearance. */
export interface LinearForm {
  readonly terms: readonly { readonly term: Scalar; readonly factor: Vector }[];
  readonly constant: Vector;
}

/** A term once, with the sum of its factors. */
function joined(a: LinearForm, b: LinearForm): LinearForm {
  const terms = new Map<string, { readonly term: Scalar; readonly factor: Vector }>();
  for (const { term, factor } of [...a.terms, ...b.terms]) {
    const key = showScalar(term);
    const before = terms.get(key)?.factor ?? [0];
    terms.set(key, { term, factor: combined(factor, before, (x, y) => x + y) });
  }
  return {
    terms: [...terms.values()],
    constant: combined(a.constant, b.constant, (x, y) => x + y),
  };
}

/** The form times a constant. */
export const times = ({ terms, constant }: LinearForm, by: Vector): LinearForm => ({
  terms: terms.map(({ term, factor }) => ({ term, factor: combined(factor, by, (x, y) => x * y) })),
  constant: combined(constant, by, (x, y) => x * y),
});

/**
 * An expression of floats as a linear form over what is not linear in it.
 *
 * @param constantOf The constant that an argument of this index is, if it is one.
 */
export function linearForm(
  expr: Scalar,
  constantOf: (index: number) => Vector | undefined,
): LinearForm {
  if (expr.kind === 'literal') return { terms: [], constant: [expr.value] };
  const known = expr.kind === 'arg' ? constantOf(expr.index) : undefined;
  if (known) return { terms: [], constant: known };
  const own = { terms: [{ term: expr, factor: [1] }], constant: [0] };
  if (expr.kind !== 'call') return own;
  if (!['add', 'sub', 'neg', 'mul', 'div'].includes(expr.fn)) return own;
  const [a, b] = expr.args.map((part) => linearForm(part, constantOf)) as [LinearForm, LinearForm?];
  if (!b) return times(a, [-1]);
  if (expr.fn === 'add') return joined(a, b);
  if (expr.fn === 'sub') return joined(a, times(b, [-1]));
  if (b.terms.length === 0)
    return times(a, expr.fn === 'mul' ? b.constant : b.constant.map((value) => 1 / value));
  return expr.fn === 'mul' && a.terms.length === 0 ? times(b, a.constant) : own;
}

/**
 * The expression of a form.
 *
 * @param vector The expression of a constant that differs between channels.
 */
export function scalarOf({ terms, constant }: LinearForm, vector: (v: Vector) => Scalar): Scalar {
  const written = (value: Vector) => (isUniform(value) ? literal(value[0]!) : vector(value));
  const isAll = (value: Vector, number: number) => value.every((one) => one === number);
  const parts = terms
    .filter(({ factor }) => !isAll(factor, 0))
    .map(({ term, factor }) => (isAll(factor, 1) ? term : call('mul', term, written(factor))));
  if (!isAll(constant, 0) || parts.length === 0) parts.push(written(constant));
  return parts.reduce((sum, part) => call('add', sum, part));
}
