// One spelling in vector instructions for each scalar function.

import type { DType, ScalarName } from '@espalier/ir';
import type { Assembler, Expr, Local } from './assembler.ts';
import * as math from './math.ts';
import { log } from './math-log.ts';
import { pow } from './math-pow.ts';
import { cos, sin, tan } from './math-trig.ts';
import type { OpcodeName } from './opcodes.ts';

interface Context extends math.MathContext {
  /** The type of the function's first argument, or of the second for `select`. */
  readonly dtype: DType;
}

/** Writes a function of values that are in locals, each of which it may read many times. */
type Spelling = (context: Context, ...args: [Local, Local, Local]) => Expr;

const plain =
  (f32: OpcodeName, i32: OpcodeName = f32): Spelling =>
  ({ asm, dtype }, a, b) =>
    asm.op(dtype === 'f32' ? f32 : i32, ...[a, b].filter(Boolean).map(({ get }) => get));

const unary =
  (f32: OpcodeName, i32: OpcodeName = f32): Spelling =>
  ({ asm, dtype }, a) =>
    asm.op(dtype === 'f32' ? f32 : i32, a.get);

/** Lanes of ones and zeros as 1 and 0. */
const truth = (asm: Assembler, mask: Expr): Expr => asm.op('v128.and', mask, asm.i32x4(1));

const compare =
  (f32: OpcodeName, i32: OpcodeName): Spelling =>
  ({ asm, dtype }, a, b) =>
    truth(asm, asm.op(dtype === 'f32' ? f32 : i32, a.get, b.get));

/** Lane by lane, where there is no vector instruction; a zero divisor gives 0. */
const integerDivision =
  (name: 'i32.div_s' | 'i32.rem_s'): Spelling =>
  ({ asm, temp }, a, b) => {
    const [result, safe] = [temp(), temp()];
    const zero = asm.op('i32x4.eq', b.get, asm.i32x4(0));
    // The one quotient that overflows traps: −2³¹ ∕ −1. Divided by 1 it is what wrapping gives.
    const overflows = asm.op(
      'v128.and',
      asm.op('i32x4.eq', b.get, asm.i32x4(-1)),
      asm.op('i32x4.eq', a.get, asm.i32x4(-2147483648)),
    );
    const lane = (of: Local, i: number) => asm.lane('i32x4.extract_lane', i, of.get);
    const quotients = [0, 1, 2, 3].map((i) =>
      result.set(
        asm.lane('i32x4.replace_lane', i, result.get, asm.op(name, lane(a, i), lane(safe, i))),
      ),
    );
    return asm.seq(
      safe.set(asm.op('v128.bitselect', asm.i32x4(1), b.get, asm.op('v128.or', zero, overflows))),
      result.set(asm.i32x4(0)),
      ...quotients,
      asm.op('v128.andnot', result.get, asm.op('i32x4.eq', b.get, asm.i32x4(0))),
    );
  };

/**
 * `a − trunc(a ∕ b) · b` in double precision, lane by lane: exact while the quotient is below 2²⁹. In
 * single precision a quotient that rounds up to an integer would give about `−b` for `0`.
 */
const floatRemainder: Spelling = ({ asm, temp }, a, b) => {
  const result = temp();
  const wide = (of: Local, i: number) =>
    asm.op('f64.promote_f32', asm.lane('f32x4.extract_lane', i, of.get));
  const rest = (i: number) => {
    const whole = asm.op('f64.trunc', asm.op('f64.div', wide(a, i), wide(b, i)));
    return asm.op('f64.sub', wide(a, i), asm.op('f64.mul', whole, wide(b, i)));
  };
  const rests = [0, 1, 2, 3].map((i) =>
    result.set(asm.lane('f32x4.replace_lane', i, result.get, asm.op('f32.demote_f64', rest(i)))),
  );
  // A finite number is its own remainder by an infinite one: 0 · ∞ above was NaN.
  const infinite = asm.f32x4(Infinity);
  const unbounded = asm.op('f32x4.eq', asm.op('f32x4.abs', b.get), infinite);
  const finite = asm.op('f32x4.lt', asm.op('f32x4.abs', a.get), infinite);
  return asm.seq(
    result.set(asm.i32x4(0)),
    ...rests,
    asm.op('v128.bitselect', a.get, result.get, asm.op('v128.and', unbounded, finite)),
  );
};

const remainder: Spelling = (context, a, b, c) =>
  context.dtype === 'f32'
    ? floatRemainder(context, a, b, c)
    : integerDivision('i32.rem_s')(context, a, b, c);

/** The remainder, moved by `b` where its sign is not that of `b`. */
const modulo: Spelling = (context, a, b, c) => {
  const { asm, temp, dtype } = context;
  const rest = temp();
  const [lt, ne, add] =
    dtype === 'f32'
      ? (['f32x4.lt', 'f32x4.ne', 'f32x4.add'] as const)
      : (['i32x4.lt_s', 'i32x4.ne', 'i32x4.add'] as const);
  const zero = asm.i32x4(0);
  const differs = asm.op('v128.xor', asm.op(lt, rest.get, zero), asm.op(lt, b.get, zero));
  const moves = asm.op('v128.and', asm.op(ne, rest.get, zero), differs);
  return asm.seq(
    rest.set(remainder(context, a, b, c)),
    asm.op(add, rest.get, asm.op('v128.and', b.get, moves)),
  );
};

const sign: Spelling = ({ asm, dtype }, x) => {
  const zero = asm.i32x4(0);
  if (dtype === 'i32')
    return asm.op(
      'i32x4.sub',
      asm.op('i32x4.lt_s', x.get, zero),
      asm.op('i32x4.gt_s', x.get, zero),
    );
  const one = asm.op('v128.and', asm.op('f32x4.ne', x.get, zero), asm.f32x4(1));
  const signed = asm.op('v128.or', one, asm.op('v128.and', x.get, asm.i32x4(-2147483648)));
  return asm.op('v128.bitselect', signed, x.get, asm.op('f32x4.eq', x.get, x.get));
};

const logical =
  (name: OpcodeName): Spelling =>
  ({ asm }, a, b) =>
    asm.op(name, a.get, b.get);

const mathOf =
  (fn: math.MathFunction): Spelling =>
  (context, x) =>
    fn(context, x);

/** Every function of the table. */
export const spellings: Readonly<Record<ScalarName, Spelling>> = {
  add: plain('f32x4.add', 'i32x4.add'),
  sub: plain('f32x4.sub', 'i32x4.sub'),
  mul: plain('f32x4.mul', 'i32x4.mul'),
  div: (context, a, b, c) =>
    context.dtype === 'f32'
      ? context.asm.op('f32x4.div', a.get, b.get)
      : integerDivision('i32.div_s')(context, a, b, c),
  mod: modulo,
  rem: remainder,
  neg: unary('f32x4.neg', 'i32x4.neg'),
  abs: unary('f32x4.abs', 'i32x4.abs'),
  sqrt: unary('f32x4.sqrt'),
  exp: mathOf(math.exp),
  log: mathOf(log),
  pow: (context, a, b) => pow(context, a, b),
  max: plain('f32x4.max', 'i32x4.max_s'),
  min: plain('f32x4.min', 'i32x4.min_s'),
  floor: unary('f32x4.floor'),
  ceil: unary('f32x4.ceil'),
  round: unary('f32x4.nearest'),
  sign,
  // With the value first a NaN stays one; `pmax` is one instruction where `max` is many.
  relu: ({ asm, dtype }, x) =>
    asm.op(dtype === 'f32' ? 'f32x4.pmax' : 'i32x4.max_s', x.get, asm.i32x4(0)),
  sigmoid: mathOf(math.sigmoid),
  tanh: mathOf(math.tanh),
  erf: mathOf(math.erf),
  sin: mathOf(sin),
  cos: mathOf(cos),
  tan: mathOf(tan),
  reciprocal: ({ asm }, x) => asm.op('f32x4.div', asm.f32x4(1), x.get),
  eq: compare('f32x4.eq', 'i32x4.eq'),
  ne: compare('f32x4.ne', 'i32x4.ne'),
  lt: compare('f32x4.lt', 'i32x4.lt_s'),
  le: compare('f32x4.le', 'i32x4.le_s'),
  gt: compare('f32x4.gt', 'i32x4.gt_s'),
  ge: compare('f32x4.ge', 'i32x4.ge_s'),
  and: logical('v128.and'),
  or: logical('v128.or'),
  xor: logical('v128.xor'),
  not: ({ asm }, x) => asm.op('v128.xor', x.get, asm.i32x4(1)),
  select: ({ asm }, condition, a, b) =>
    asm.op('v128.bitselect', a.get, b.get, asm.op('i32x4.neg', condition.get)),
  isNaN: ({ asm }, x) => truth(asm, asm.op('f32x4.ne', x.get, x.get)),
  isInf: ({ asm }, x) =>
    truth(asm, asm.op('f32x4.eq', asm.op('f32x4.abs', x.get), asm.f32x4(Infinity))),
  toF32: ({ asm, dtype }, x) => (dtype === 'f32' ? x.get : asm.op('f32x4.convert_i32x4_s', x.get)),
  toI32: ({ asm, dtype }, x) =>
    dtype === 'f32' ? asm.op('i32x4.trunc_sat_f32x4_s', x.get) : x.get,
  // Added to 1.5 · 2²³, the nearest integer is in the lowest bits; a NaN is not greater than 0.
  toCode: ({ asm }, x) => {
    const positive = asm.op('f32x4.pmax', asm.f32x4(0), x.get);
    const clamped = asm.op('f32x4.pmin', asm.f32x4(127), positive);
    const shifted = asm.op('f32x4.add', clamped, asm.f32x4(1.5 * 2 ** 23));
    return asm.op('v128.and', shifted, asm.i32x4(127));
  },
  toBool: ({ asm, dtype }, x) =>
    truth(asm, asm.op(dtype === 'f32' ? 'f32x4.ne' : 'i32x4.ne', x.get, asm.i32x4(0))),
};
