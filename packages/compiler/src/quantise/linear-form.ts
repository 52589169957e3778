// Scalar expressions as sums of multiples: scales, codes of zero and factors meet in one constant each.

import { call, literal, type Scalar, showScalar } from '@espalier/ir';

/** `Σ factor · term + constant`, terms in order of appearance. */
export interface LinearForm {
  readonly terms: readonly { readonly term: Scalar; readonly factor: number }[];
  readonly constant: number;
}

/** A term once, with the sum of its factors. */
function joined(parts: readonly LinearForm[]): LinearForm {
  const terms = new Map<string, { readonly term: Scalar; readonly factor: number }>();
  for (const { term, factor } of parts.flatMap((part) => part.terms)) {
    const key = showScalar(term);
    terms.set(key, { term, factor: factor + (terms.get(key)?.factor ?? 0) });
  }
  return {
    terms: [...terms.values()],
    constant: parts.reduce((sum, { constant }) => sum + constant, 0),
  };
}

const times = ({ terms, constant }: LinearForm, by: number): LinearForm => ({
  terms: terms.map(({ term, factor }) => ({ term, factor: factor * by })),
  constant: constant * by,
});

const isConstant = ({ terms }: LinearForm): boolean => terms.length === 0;

/** An expression of floats as a linear form over what is not linear in it. */
export function linearForm(expr: Scalar): LinearForm {
  if (expr.kind === 'literal') return { terms: [], constant: expr.value };
  const own = { terms: [{ term: expr, factor: 1 }], constant: 0 };
  if (expr.kind !== 'call') return own;
  if (!['add', 'sub', 'neg', 'mul', 'div'].includes(expr.fn)) return own;
  const [a, b] = expr.args.map(linearForm) as [LinearForm, LinearForm?];
  if (!b) return times(a, -1);
  if (expr.fn === 'add') return joined([a, b]);
  if (expr.fn === 'sub') return joined([a, times(b, -1)]);
  if (expr.fn === 'div') return isConstant(b) ? times(a, 1 / b.constant) : own;
  if (isConstant(b)) return times(a, b.constant);
  return isConstant(a) ? times(b, a.constant) : own;
}

/** The expression of a form. */
export function scalarOf({ terms, constant }: LinearForm): Scalar {
  const parts = terms
    .filter(({ factor }) => factor !== 0)
    .map(({ term, factor }) => (factor === 1 ? term : call('mul', term, literal(factor))));
  if (constant !== 0 || parts.length === 0) parts.push(literal(constant));
  return parts.reduce((sum, part) => call('add', sum, part));
}
