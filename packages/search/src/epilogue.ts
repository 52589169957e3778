// What happens to a layer's sums before others see them, as far as a refit makes use of it.

import { arg, argumentsOf, call, evaluateScalar, type Scalar, sameShape } from '@espalier/ir';
import type { Layer } from './layers.ts';

/** An epilogue in two parts: `activation(sum + residual)`. */
export interface Epilogue {
  /** Whether its first extra operand, of the layer's own shape, is added before anything else. */
  readonly addsResidual: boolean;
  /** Whether all values below zero come out alike, so that only their sign matters. */
  readonly flatBelowZero: boolean;
}

const isSum = (expr: Scalar): boolean =>
  expr.kind === 'call' &&
  expr.fn === 'add' &&
  argumentsOf(expr).size === 2 &&
  expr.args.every(({ kind }) => kind === 'arg') &&
  argumentsOf(expr).has(0) &&
  argumentsOf(expr).has(1);

/** The expression with `a0 + a1` as `a0`. */
function withoutSum(expr: Scalar): Scalar {
  if (isSum(expr)) return arg(0);
  return expr.kind === 'call' ? call(expr.fn, ...expr.args.map(withoutSum)) : expr;
}

/** What a refit needs to know of a layer's epilogue. */
export function epilogueOf({ node }: Layer): Epilogue {
  const { epilogue } = node;
  if (!epilogue) return { addsResidual: false, flatBelowZero: false };
  const rest = withoutSum(epilogue);
  const own = [...argumentsOf(rest)].every((index) => index === 0);
  const addsResidual =
    own &&
    argumentsOf(epilogue).has(1) &&
    sameShape(node.inputs.at(-1)!.type.shape, node.type.shape);
  const understood = own && (addsResidual || !argumentsOf(epilogue).has(1));
  const at = (x: number) => evaluateScalar(rest, [x]);
  const flatBelowZero = understood && at(-0.01) === at(0) && at(-1) === at(0) && at(-100) === at(0);
  return { addsResidual, flatBelowZero };
}
