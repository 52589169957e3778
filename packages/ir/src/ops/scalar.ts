// Scalar expressions: what `map` applies to each element, and what an epilogue applies to a result.

import { badDType } from '../errors.ts';
import type { DType } from '../types.ts';
import { arg, call, roundTo, type Scalar } from './scalar-expression.ts';
import { scalars } from './scalar-functions.ts';

export { differentiateScalar } from './scalar-derivative.ts';
export {
  arg,
  call,
  literal,
  type Scalar,
  type ScalarFunction,
} from './scalar-expression.ts';
export { type ScalarName, scalars } from './scalar-functions.ts';
export { parseScalar, showNumber, showScalar } from './scalar-text.ts';

/**
 * The type of an expression over arguments of the given types.
 *
 * @throws {EspalierError} BAD_DTYPE, if a function gets what it does not take or an argument is
 * missing.
 */
export function inferScalar(expr: Scalar, dtypes: readonly DType[]): DType {
  if (expr.kind === 'literal') return expr.dtype;
  if (expr.kind === 'arg') {
    const dtype = dtypes[expr.index];
    if (!dtype)
      throw badDType('scalar', `a${expr.index} where ${dtypes.length} operands are given`);
    return dtype;
  }
  const { arity, infer } = scalars[expr.fn];
  if (expr.args.length !== arity)
    throw badDType('scalar', `${expr.fn} of ${expr.args.length} arguments takes ${arity}`);
  return infer(expr.args.map((part) => inferScalar(part, dtypes)));
}

/**
 * The expression as a function of its arguments. Every call is rounded to its type, so that a chain
 * of maps and the one map that it is fused into give the same bits.
 */
export function compileScalar(
  expr: Scalar,
  dtypes: readonly DType[],
): (args: ArrayLike<number>) => number {
  const result = inferScalar(expr, dtypes);
  if (expr.kind === 'literal') return () => expr.value;
  if (expr.kind === 'arg') return (args) => args[expr.index]!;
  const { evaluate } = scalars[expr.fn];
  const parts = expr.args.map((part) => compileScalar(part, dtypes));
  const dtype = inferScalar(expr.args[0]!, dtypes);
  const values = new Array<number>(parts.length).fill(0);
  return (args) => {
    for (let i = 0; i < parts.length; i++) values[i] = parts[i]!(args);
    return roundTo(evaluate(values, dtype), result);
  };
}

/** The value of an expression; arguments are f32 unless `dtypes` says otherwise. */
export const evaluateScalar = (
  expr: Scalar,
  args: readonly number[],
  dtypes: readonly DType[] = args.map(() => 'f32'),
): number => compileScalar(expr, dtypes)(args);

/** The expression with argument `i` replaced by `args[i]`; arguments beyond the list stay. */
export function substitute(expr: Scalar, args: readonly Scalar[]): Scalar {
  if (expr.kind === 'arg') return args[expr.index] ?? expr;
  if (expr.kind === 'literal') return expr;
  return call(expr.fn, ...expr.args.map((part) => substitute(part, args)));
}

/** `fn(a0, a1, …)`: one function applied to the operands in order. */
export const plain = (fn: keyof typeof scalars): Scalar =>
  call(fn, ...Array.from({ length: scalars[fn].arity }, (_, index) => arg(index)));

/** The indices of the arguments that an expression reads. */
export function argumentsOf(expr: Scalar, into = new Set<number>()): Set<number> {
  if (expr.kind === 'arg') into.add(expr.index);
  if (expr.kind === 'call') for (const part of expr.args) argumentsOf(part, into);
  return into;
}
