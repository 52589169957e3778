// Parts of scalar expressions for which there is shorter code than that of their functions one by one.

import { type DType, inferScalar, type Scalar, type ScalarName, showScalar } from '@espalier/ir';
import type { Expr, Local } from './assembler.ts';
import { type MathContext, tanhSoftplus } from './math.ts';
import type { OpcodeName } from './opcodes.ts';

/** Code for a part of an expression, given the values of smaller parts. */
export interface Idiom {
  readonly args: readonly Scalar[];
  write(context: MathContext, ...args: Local[]): Expr;
}

type Call = Scalar & { readonly kind: 'call' };
type Recognise = (part: Call, dtypes: readonly DType[]) => Idiom | undefined;

/** The idiom that a part is, if it is one. */
export function idiomOf(part: Call, dtypes: readonly DType[]): Idiom | undefined {
  for (const recognise of idioms) {
    const idiom = recognise(part, dtypes);
    if (idiom) return idiom;
  }
  return undefined;
}

const same = (a: Scalar, b: Scalar): boolean => showScalar(a) === showScalar(b);

const isCall = (part: Scalar | undefined, ...names: ScalarName[]): part is Call =>
  part?.kind === 'call' && names.includes(part.fn);

/** The value of a float literal. */
const numberOf = (part: Scalar | undefined): number | undefined =>
  part?.kind === 'literal' && part.dtype === 'f32' ? part.value : undefined;

/** The operands of a commutative function in both orders. */
const bothOrders = ({ args: [a, b] }: Call): [Scalar, Scalar][] => [
  [a!, b!],
  [b!, a!],
];

/** The operands of a commutative function, one of them a number. */
function withNumber(part: Call): { value: Scalar; number: number } | undefined {
  for (const [value, other] of bothOrders(part)) {
    const number = numberOf(other);
    if (number !== undefined && !Number.isNaN(number)) return { value, number };
  }
  return undefined;
}

/** `max` and `min` with a number: with the value first a NaN stays one, in one instruction. */
const bounded: Recognise = (part) => {
  const operands = isCall(part, 'max', 'min') && withNumber(part);
  if (!operands) return undefined;
  const name = part.fn === 'max' ? 'f32x4.pmax' : 'f32x4.pmin';
  return {
    args: [operands.value],
    write: ({ asm }, x) => asm.op(name, x.get, asm.f32x4(operands.number)),
  };
};

/** Leaky ReLU with a slope between 0 and 1 is the larger of two lines. */
const leakyRelu: Recognise = (part) => {
  if (!isCall(part, 'select')) return undefined;
  const [condition, a, b] = part.args;
  if (!isCall(condition, 'ge', 'gt', 'lt', 'le') || numberOf(condition.args[1]) !== 0)
    return undefined;
  const x = condition.args[0]!;
  const [positive, negative] = condition.fn.startsWith('g') ? [a!, b!] : [b!, a!];
  const line = isCall(negative, 'mul') && withNumber(negative);
  if (!line || !same(positive, x) || !same(line.value, x)) return undefined;
  if (!(line.number > 0 && line.number < 1)) return undefined;
  return {
    args: [x],
    write: ({ asm }, x) =>
      asm.op('f32x4.pmax', x.get, asm.op('f32x4.mul', x.get, asm.f32x4(line.number))),
  };
};

/** What `log(1 + exp(x))`, or the form of it that does not overflow, is the softplus of. */
function softplusOf(part: Scalar): Scalar | undefined {
  const exponent = (log: Scalar): Scalar | undefined => {
    const sum = isCall(log, 'log') && isCall(log.args[0], 'add') && withNumber(log.args[0]);
    return sum && sum.number === 1 && isCall(sum.value, 'exp') ? sum.value.args[0] : undefined;
  };
  if (!isCall(part, 'add')) return exponent(part);
  for (const [relu, log] of bothOrders(part)) {
    const x = isCall(relu, 'relu') ? relu.args[0] : undefined;
    const minus = exponent(log);
    const magnitude = isCall(minus, 'neg') ? minus.args[0] : undefined;
    if (x && isCall(magnitude, 'abs') && same(magnitude.args[0]!, x)) return x;
  }
  return undefined;
}

/** `tanh(softplus(x))`, the slow part of Mish [Misra, "Mish", 2019], takes one exponential. */
const mishGate: Recognise = (part) => {
  const x = isCall(part, 'tanh') ? softplusOf(part.args[0]!) : undefined;
  return x && { args: [x], write: (context, x) => tanhSoftplus(context, x) };
};

const transcendental: readonly ScalarName[] = ['exp', 'sigmoid', 'tanh', 'erf'];

/**
 * A function of a quotient by a number: a product is as good where the function is not exact either. A quotient
 * may not be replaced elsewhere, since what is rounded afterwards has to be.
 */
const ofQuotient: Recognise = (part) => {
  const [quotient] = part.args;
  if (!isCall(part, ...transcendental) || !isCall(quotient, 'div')) return undefined;
  const divisor = numberOf(quotient.args[1]);
  const inverse = Math.fround(1 / (divisor ?? 0));
  if (divisor === undefined || !Number.isFinite(inverse)) return undefined;
  const scale: Scalar = { kind: 'literal', dtype: 'f32', value: inverse };
  const product: Scalar = { kind: 'call', fn: 'mul', args: [quotient.args[0]!, scale] };
  return { ...whole, args: [{ ...part, args: [product] }] };
};

/** The argument as it is. */
const whole: Omit<Idiom, 'args'> = { write: (_, x) => x.get };

const comparisons: Partial<Readonly<Record<ScalarName, readonly [OpcodeName, OpcodeName]>>> = {
  eq: ['f32x4.eq', 'i32x4.eq'],
  ne: ['f32x4.ne', 'i32x4.ne'],
  lt: ['f32x4.lt', 'i32x4.lt_s'],
  le: ['f32x4.le', 'i32x4.le_s'],
  gt: ['f32x4.gt', 'i32x4.gt_s'],
  ge: ['f32x4.ge', 'i32x4.ge_s'],
};

/** A choice by a comparison takes the mask that it leaves. */
const choiceByComparison: Recognise = (part, dtypes) => {
  const [condition, a, b] = part.args;
  if (!isCall(part, 'select') || condition?.kind !== 'call') return undefined;
  const names = comparisons[condition.fn];
  if (!names) return undefined;
  const [left, right] = condition.args as [Scalar, Scalar]; // it compares two
  const name = names[inferScalar(left, dtypes) === 'f32' ? 0 : 1];
  return {
    args: [left, right, a!, b!],
    write: ({ asm }, left, right, a, b) =>
      asm.op('v128.bitselect', a!.get, b!.get, asm.op(name, left!.get, right!.get)),
  };
};

const idioms: readonly Recognise[] = [bounded, leakyRelu, mishGate, ofQuotient, choiceByComparison];
