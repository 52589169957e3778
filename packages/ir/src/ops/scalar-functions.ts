// The functions that a scalar expression may call, each with its type, value and derivative.

import { badDType } from '../errors.ts';
import type { DType } from '../types.ts';
import { erf as erfOf } from './erf.ts';
import { call, literal, type Scalar, type ScalarFunction } from './scalar-expression.ts';

type Infer = ScalarFunction['infer'];

const show = (args: readonly DType[]): string => `(${args.join(', ')})`;

/** All arguments have one type among `allowed`, which is the result's unless `result` says. */
const uniform =
  (allowed: readonly DType[], result?: DType): Infer =>
  (args) => {
    const dtype = args[0]!;
    if (!allowed.includes(dtype) || args.some((other) => other !== dtype))
      throw badDType('scalar', `${show(args)} where one of ${allowed.join(', ')} throughout fits`);
    return result ?? dtype;
  };

const float = uniform(['f32']);
const numeric = uniform(['f32', 'i32']);
const compared = uniform(['f32', 'i32'], 'bool');
const equated = uniform(['f32', 'i32', 'bool'], 'bool');
const logical = uniform(['bool']);

const unary = (
  infer: Infer,
  evaluate: (x: number, dtype: DType) => number,
  derivative: ((x: Scalar) => Scalar) | 'none',
): ScalarFunction => ({
  arity: 1,
  infer,
  evaluate: ([x], dtype) => evaluate(x!, dtype),
  derivative: derivative === 'none' ? 'none' : ([x]) => [derivative(x!)],
});

const binary = (
  infer: Infer,
  evaluate: (a: number, b: number, dtype: DType) => number,
  derivative: ((a: Scalar, b: Scalar) => readonly [Scalar, Scalar]) | 'none',
): ScalarFunction => ({
  arity: 2,
  infer,
  evaluate: ([a, b], dtype) => evaluate(a!, b!, dtype),
  derivative: derivative === 'none' ? 'none' : ([a, b]) => derivative(a!, b!),
});

const zero = literal(0);
const one = literal(1);
const choose = (condition: Scalar, a: Scalar, b: Scalar) => call('select', condition, a, b);
const square = (x: Scalar) => call('mul', x, x);
const truncated = (x: Scalar) => choose(call('lt', x, zero), call('ceil', x), call('floor', x));

/** `a + b`. */
const add: ScalarFunction = binary(
  numeric,
  (a, b) => a + b,
  () => [one, one],
);

/** `a − b`. */
const sub: ScalarFunction = binary(
  numeric,
  (a, b) => a - b,
  () => [one, literal(-1)],
);

/** `a · b`; i32 wraps. */
const mul: ScalarFunction = binary(
  numeric,
  (a, b, dtype) => (dtype === 'i32' ? Math.imul(a, b) : a * b),
  (a, b) => [b, a],
);

/** `a / b`; i32 truncates, and a division by zero gives 0. */
const div: ScalarFunction = binary(
  numeric,
  (a, b, dtype) => (dtype === 'i32' && b === 0 ? 0 : a / b),
  (a, b) => [call('reciprocal', b), call('neg', call('div', a, square(b)))],
);

/** Remainder with the sign of `b`, as Python's `%` and ONNX's Mod with fmod = 0. */
const mod: ScalarFunction = binary(
  numeric,
  (a, b, dtype) => {
    if (dtype === 'i32' && b === 0) return 0;
    const rest = a % b;
    return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
  },
  (a, b) => [one, call('neg', call('floor', call('div', a, b)))],
);

/** Remainder with the sign of `a`, as C's `fmod` and ONNX's Mod with fmod = 1. */
const rem: ScalarFunction = binary(
  numeric,
  (a, b, dtype) => (dtype === 'i32' && b === 0 ? 0 : a % b),
  (a, b) => [one, call('neg', truncated(call('div', a, b)))],
);

/** `−x`. */
const neg: ScalarFunction = unary(
  numeric,
  (x) => -x,
  () => literal(-1),
);

/** `|x|`. */
const abs: ScalarFunction = unary(numeric, Math.abs, (x) => call('sign', x));

/** Square root. */
const sqrt: ScalarFunction = unary(float, Math.sqrt, (x) =>
  call('div', literal(0.5), call('sqrt', x)),
);

/** `e^x`. */
const exp: ScalarFunction = unary(float, Math.exp, (x) => call('exp', x));

/** Natural logarithm. */
const log: ScalarFunction = unary(float, Math.log, (x) => call('reciprocal', x));

/** `a^b`; 1^b and a^0 are 1, as in C. */
const pow: ScalarFunction = binary(
  float,
  // JavaScript alone gives NaN for 1^NaN and (±1)^±∞, where C and ONNX Runtime give 1.
  (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  (a, b) => [
    call('mul', b, call('pow', a, call('sub', b, one))),
    choose(call('gt', a, zero), call('mul', call('pow', a, b), call('log', a)), zero),
  ],
);

/** The greater; NaN if either is NaN. */
const max: ScalarFunction = binary(
  numeric,
  (a, b) => Math.max(a, b),
  (a, b) => [choose(call('ge', a, b), one, zero), choose(call('ge', a, b), zero, one)],
);

/** The lesser; NaN if either is NaN. */
const min: ScalarFunction = binary(
  numeric,
  (a, b) => Math.min(a, b),
  (a, b) => [choose(call('le', a, b), one, zero), choose(call('le', a, b), zero, one)],
);

/** The greatest integer not above. */
const floor: ScalarFunction = unary(float, Math.floor, 'none');

/** The least integer not below. */
const ceil: ScalarFunction = unary(float, Math.ceil, 'none');

/** The nearest integer, halves to even. */
const round: ScalarFunction = unary(
  float,
  (x) => {
    const below = Math.floor(x);
    if (x - below !== 0.5) return Math.round(x);
    return below % 2 === 0 ? below : below + 1;
  },
  'none',
);

/** −1, 0 or 1. */
const sign: ScalarFunction = unary(numeric, Math.sign, 'none');

/** `max(x, 0)`, with slope 0 at 0. */
const relu: ScalarFunction = unary(
  numeric,
  (x) => Math.max(x, 0),
  (x) => choose(call('gt', x, zero), one, zero),
);

/** `1 / (1 + e^−x)`. */
const sigmoid: ScalarFunction = unary(
  float,
  (x) => 1 / (1 + Math.exp(-x)),
  (x) => call('mul', call('sigmoid', x), call('sub', one, call('sigmoid', x))),
);

/** Hyperbolic tangent. */
const tanh: ScalarFunction = unary(float, Math.tanh, (x) =>
  call('sub', one, square(call('tanh', x))),
);

/** The error function. */
const erf: ScalarFunction = unary(float, erfOf, (x) =>
  call('mul', literal(2 / Math.sqrt(Math.PI)), call('exp', call('neg', square(x)))),
);

/** Sine of radians. */
const sin: ScalarFunction = unary(float, Math.sin, (x) => call('cos', x));

/** Cosine of radians. */
const cos: ScalarFunction = unary(float, Math.cos, (x) => call('neg', call('sin', x)));

/** Tangent of radians. */
const tan: ScalarFunction = unary(float, Math.tan, (x) => call('add', one, square(call('tan', x))));

/** `1 / x`. */
const reciprocal: ScalarFunction = unary(
  float,
  (x) => 1 / x,
  (x) => call('neg', call('reciprocal', square(x))),
);

/** `a = b`. */
const eq: ScalarFunction = binary(equated, (a, b) => Number(a === b), 'none');

/** `a ≠ b`. */
const ne: ScalarFunction = binary(equated, (a, b) => Number(a !== b), 'none');

/** `a < b`. */
const lt: ScalarFunction = binary(compared, (a, b) => Number(a < b), 'none');

/** `a ≤ b`. */
const le: ScalarFunction = binary(compared, (a, b) => Number(a <= b), 'none');

/** `a > b`. */
const gt: ScalarFunction = binary(compared, (a, b) => Number(a > b), 'none');

/** `a ≥ b`. */
const ge: ScalarFunction = binary(compared, (a, b) => Number(a >= b), 'none');

/** Both. */
const and: ScalarFunction = binary(logical, (a, b) => a & b, 'none');

/** Either. */
const or: ScalarFunction = binary(logical, (a, b) => a | b, 'none');

/** Not. */
const not: ScalarFunction = unary(logical, (x) => 1 - x, 'none');

/** One but not both. */
const xor: ScalarFunction = binary(logical, (a, b) => a ^ b, 'none');

/** `select(condition, a, b)`: `a` where the condition holds, `b` elsewhere. */
const select: ScalarFunction = {
  arity: 3,
  infer([condition, a, b]) {
    if (condition !== 'bool' || a !== b)
      throw badDType('select', `(${condition}, ${a}, ${b}) where (bool, T, T) fits`);
    return a!;
  },
  evaluate: ([condition, a, b]) => (condition ? a! : b!),
  derivative: ([condition]) => [zero, choose(condition!, one, zero), choose(condition!, zero, one)],
};

/** Whether it is not a number. */
const nan: ScalarFunction = unary(uniform(['f32'], 'bool'), (x) => Number(Number.isNaN(x)), 'none');

/** Whether it is infinite, of either sign. */
const infinite: ScalarFunction = unary(
  uniform(['f32'], 'bool'),
  (x) => Number(Math.abs(x) === Infinity),
  'none',
);

/** As f32. */
const toF32: ScalarFunction = unary(
  uniform(['f32', 'i32', 'bool', 'u8'], 'f32'),
  (x) => x,
  () => one,
);

/** As i32, towards zero; beyond its range the nearest end, and 0 for NaN. */
const toI32: ScalarFunction = unary(
  uniform(['f32', 'i32', 'bool'], 'i32'),
  (x) => Math.min(Math.max(Math.trunc(x), -(2 ** 31)), 2 ** 31 - 1) || 0,
  'none',
);

/** Whether it is not zero. */
const toBool: ScalarFunction = unary(
  uniform(['f32', 'i32', 'bool'], 'bool'),
  (x) => Number(x !== 0),
  'none',
);

/** As a code of 7 bits: the nearest integer, halves to even, within [0, 127]; 0 for NaN. */
const toCode: ScalarFunction = unary(
  uniform(['f32'], 'u8'),
  (x) => round.evaluate([Math.min(Math.max(x, 0), 127) || 0], 'f32'),
  'none',
);

// biome-ignore format: a list of names
/** Every scalar function, by name. A target spells each of them once. */
export const scalars = {
  add, sub, mul, div, mod, rem, neg, abs, sqrt, exp, log, pow, max, min, floor, ceil, round, sign,
  relu, sigmoid, tanh, erf, sin, cos, tan, reciprocal, eq, ne, lt, le, gt, ge, and, or, not, xor,
  select, isNaN: nan, isInf: infinite, toF32, toI32, toBool, toCode,
} as const;

/** Name of a scalar function. */
export type ScalarName = keyof typeof scalars;
