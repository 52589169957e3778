// Scalar expressions as ONNX nodes: one node for most functions, a few for those that ONNX lacks.

import { type DType, inferScalar, type Scalar, type ScalarName, type Shape } from '@espalier/ir';
import type { Writer, Written } from './write.ts';

/** Writes a function's nodes from its written arguments; `type` is the result's. */
type Spelling = (args: readonly Written[], type: Written['type'], writer: Writer) => Written;

const node =
  (op: string, attributes: Readonly<Record<string, number>> = {}): Spelling =>
  (args, type, writer) =>
    writer.add(op, args, type, attributes);

const castTo =
  (to: 1 | 2 | 6 | 9): Spelling =>
  (args, type, writer) =>
    writer.add('Cast', args, type, { to });

/** How ONNX spells each scalar function. */
const spellings: Readonly<Record<ScalarName, Spelling>> = {
  add: node('Add'),
  sub: node('Sub'),
  mul: node('Mul'),
  div: node('Div'),
  /** ONNX has it for integers only: `a − b·floor(a / b)`. */
  mod(args, type, writer) {
    if (type.dtype === 'i32') return writer.add('Mod', args, type, { fmod: 0 });
    const [a, b] = args as [Written, Written]; // its arity
    const quotient = writer.add('Floor', [writer.add('Div', [a, b], type)], type);
    return writer.add('Sub', [a, writer.add('Mul', [quotient, b], type)], type);
  },
  rem: node('Mod', { fmod: 1 }),
  neg: node('Neg'),
  abs: node('Abs'),
  sqrt: node('Sqrt'),
  exp: node('Exp'),
  log: node('Log'),
  pow: node('Pow'),
  max: node('Max'),
  min: node('Min'),
  floor: node('Floor'),
  ceil: node('Ceil'),
  round: node('Round'),
  sign: node('Sign'),
  relu: node('Relu'),
  sigmoid: node('Sigmoid'),
  tanh: node('Tanh'),
  erf: node('Erf'),
  sin: node('Sin'),
  cos: node('Cos'),
  tan: node('Tan'),
  reciprocal: node('Reciprocal'),
  eq: node('Equal'),
  ne: (args, type, writer) => writer.add('Not', [writer.add('Equal', args, type)], type),
  lt: node('Less'),
  le: node('LessOrEqual'),
  gt: node('Greater'),
  ge: node('GreaterOrEqual'),
  and: node('And'),
  or: node('Or'),
  not: node('Not'),
  xor: node('Xor'),
  select: node('Where'),
  isNaN: node('IsNaN'),
  isInf: node('IsInf'),
  toF32: castTo(1),
  toI32: castTo(6),
  toBool: castTo(9),
  toCode([x], type, writer) {
    const float = { ...type, dtype: 'f32' as const };
    const positive = writer.add('Max', [x!, writer.number(0, 'f32')], float);
    const clamped = writer.add('Min', [positive, writer.number(127, 'f32')], float);
    return castTo(2)([writer.add('Round', [clamped], float)], type, writer);
  },
};

/** Writes an expression over written arguments, which broadcast as they do in a `map`. */
export function writeScalar(expr: Scalar, args: readonly Written[], writer: Writer): Written {
  if (expr.kind === 'arg') return args[expr.index]!; // the graph's types have been inferred
  if (expr.kind === 'literal') return writer.number(expr.value, expr.dtype);
  const parts = expr.args.map((part) => writeScalar(part, args, writer));
  const dtypes: DType[] = args.map(({ type }) => type.dtype);
  const shape = parts.map(({ type }) => type.shape).reduce(broadcast, []);
  return spellings[expr.fn](parts, { dtype: inferScalar(expr, dtypes), shape }, writer);
}

/** Shape of two operands together; the graph's types say that they fit. */
function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a, b].map((shape) => shape[axis - rank + shape.length] ?? 1);
    return left === 1 ? right! : left!;
  });
}
