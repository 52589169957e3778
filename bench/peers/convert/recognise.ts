// Names functions of one number by their values: an exporter writes the same activation in many ways.

import { evaluateScalar, type Scalar, scalars } from '@espalier/ir';
import type { UnaryKind } from './peer-graph.ts';

/** A function with a name in TensorFlow's family. */
export type Recognised =
  | { readonly kind: UnaryKind | 'hardSigmoid' | 'silu' | 'mish' }
  | { readonly kind: 'leakyRelu'; readonly alpha: number };

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const named: Readonly<Record<Exclude<Recognised['kind'], 'leakyRelu'>, (x: number) => number>> = {
  abs: Math.abs,
  elu: (x) => (x >= 0 ? x : Math.expm1(x)),
  exp: Math.exp,
  gelu: (x) => (x / 2) * (1 + scalars.erf.evaluate([x * Math.SQRT1_2], 'f32')),
  hardSigmoid: (x) => Math.max(0, Math.min(1, x / 6 + 0.5)),
  hardSwish: (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
  log: Math.log,
  mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  neg: (x) => -x,
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  rsqrt: (x) => 1 / Math.sqrt(x),
  sigmoid,
  silu: (x) => x * sigmoid(x),
  sqrt: Math.sqrt,
  square: (x) => x * x,
  tanh: Math.tanh,
};

const samples = [-7.3, -4.1, -2.6, -1, -0.37, 0.05, 0.81, 1.9, 3.3, 5.2, 6.7];

const agrees = (got: number, want: number) =>
  (Number.isNaN(got) && Number.isNaN(want)) ||
  Math.abs(got - want) <= 2e-6 * Math.max(1, Math.abs(want));

/** The named function that an expression of argument 0 alone is, if it is one. */
export function recognise(expression: Scalar): Recognised | undefined {
  const values = samples.map((x) => evaluateScalar(expression, [x]));
  const is = (f: (x: number) => number) => samples.every((x, i) => agrees(values[i]!, f(x)));
  // The keys of a literal table.
  for (const [kind, f] of Object.entries(named))
    if (is(f)) return { kind: kind as keyof typeof named };
  const alpha = values[samples.indexOf(-1)]! * -1;
  return is((x) => (x >= 0 ? x : alpha * x)) ? { kind: 'leakyRelu', alpha } : undefined;
}
