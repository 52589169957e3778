// Functions of single elements, by TensorFlow's names; activations are some of them.

import { parseScalar, type Scalar } from '@espalier/ir';

const exp1 = 'tanh(0.5 * a0)';

/** `e^x − 1` without losing the digits near 0. */
const expm1 = `select(lt(abs(a0), 0.5), 2 * ${exp1} / (1 - ${exp1}), exp(a0) - 1)`;

/** `log(1 + x)`: what rounding takes from `1 + x`, the quotient gives back [Goldberg 1991, theorem 4]. */
const log1p = 'select(eq(1 + a0, 1), a0, log(1 + a0) * a0 / ((1 + a0) - 1))';

const elu = `select(ge(a0, 0), a0, ${expm1})`;
const scale = 1.0507009873554805;
const alpha = 1.6732632423543772;

/** Expressions over the element `a0` of a float, by operator. */
export const unaryScalars: ReadonlyMap<string, Scalar> = new Map(
  Object.entries({
    Abs: 'abs(a0)',
    Ceil: 'ceil(a0)',
    Cos: 'cos(a0)',
    Elu: elu,
    Erf: 'erf(a0)',
    Exp: 'exp(a0)',
    Expm1: expm1,
    Floor: 'floor(a0)',
    Inv: 'reciprocal(a0)',
    IsInf: 'isInf(a0)',
    IsNan: 'isNaN(a0)',
    IsFinite: 'not(or(isInf(a0), isNaN(a0)))',
    Log: 'log(a0)',
    Log1p: log1p,
    LogicalNot: 'not(a0)',
    Neg: 'neg(a0)',
    Reciprocal: 'reciprocal(a0)',
    Relu: 'relu(a0)',
    Relu6: 'min(max(a0, 0), 6)',
    Rint: 'round(a0)',
    Round: 'round(a0)',
    Rsqrt: 'reciprocal(sqrt(a0))',
    Selu: `select(ge(a0, 0), ${scale} * a0, ${scale * alpha} * ${expm1})`,
    Sigmoid: 'sigmoid(a0)',
    Sign: 'sign(a0)',
    Sin: 'sin(a0)',
    Softplus: 'relu(a0) + log(1 + exp(neg(abs(a0))))',
    Softsign: 'a0 / (1 + abs(a0))',
    Sqrt: 'sqrt(a0)',
    Square: 'a0 * a0',
    Tan: 'tan(a0)',
    Tanh: 'tanh(a0)',
  }).map(([name, text]) => [name, parseScalar(text)]),
);

/** Expressions over two elements of one type, by operator. */
export const binaryScalars: ReadonlyMap<string, Scalar> = new Map(
  Object.entries({
    Add: 'a0 + a1',
    AddV2: 'a0 + a1',
    BiasAdd: 'a0 + a1',
    DivNoNan: 'select(eq(a1, 0), 0, a0 / a1)',
    Equal: 'eq(a0, a1)',
    FloorMod: 'mod(a0, a1)',
    Greater: 'gt(a0, a1)',
    GreaterEqual: 'ge(a0, a1)',
    Less: 'lt(a0, a1)',
    LessEqual: 'le(a0, a1)',
    LogicalAnd: 'and(a0, a1)',
    LogicalOr: 'or(a0, a1)',
    LogicalXor: 'xor(a0, a1)',
    Maximum: 'max(a0, a1)',
    Minimum: 'min(a0, a1)',
    Mod: 'mod(a0, a1)',
    Mul: 'a0 * a1',
    NotEqual: 'ne(a0, a1)',
    Pow: 'pow(a0, a1)',
    Prelu: 'select(ge(a0, 0), a0, a1 * a0)',
    SquaredDifference: '(a0 - a1) * (a0 - a1)',
    Sub: 'a0 - a1',
  }).map(([name, text]) => [name, parseScalar(text)]),
);

/** Quotients: of floats, and of integers rounded down. */
export const quotients = {
  f32: parseScalar('a0 / a1'),
  i32: parseScalar('div(a0 - mod(a0, a1), a1)'),
  floor: parseScalar('floor(a0 / a1)'),
} as const;

/** `x` above 0, `slope · x` below. */
export const leakyRelu = (slope: number): Scalar =>
  parseScalar(`select(ge(a0, 0), a0, ${slope} * a0)`);

/** `min(max(x, low), high)` of operands. */
export const clip: Scalar = parseScalar('min(max(a0, a1), a2)');
