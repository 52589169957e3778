// Derivatives of scalar expressions, by the chain rule over the table.

import { call, literal, type Scalar } from './scalar-expression.ts';
import { scalars } from './scalar-functions.ts';

const isLiteral = (expr: Scalar, value: number): boolean =>
  expr.kind === 'literal' && expr.value === value;

const times = (a: Scalar, b: Scalar): Scalar => {
  if (isLiteral(a, 0) || isLiteral(b, 1)) return a;
  return isLiteral(b, 0) || isLiteral(a, 1) ? b : call('mul', a, b);
};

const plus = (a: Scalar, b: Scalar): Scalar => {
  if (isLiteral(a, 0)) return b;
  return isLiteral(b, 0) ? a : call('add', a, b);
};

/** d expr / d argument `index`, over the same arguments; the literal 0 where nothing flows. */
export function differentiateScalar(expr: Scalar, index: number): Scalar {
  if (expr.kind === 'arg') return literal(expr.index === index ? 1 : 0);
  if (expr.kind === 'literal') return literal(0);
  const { derivative } = scalars[expr.fn];
  if (derivative === 'none') return literal(0);
  return derivative(expr.args)
    .map((slope, i) => times(differentiateScalar(expr.args[i]!, index), slope))
    .reduce(plus);
}
