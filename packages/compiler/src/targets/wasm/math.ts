// Transcendental functions on four floats: range reduction and polynomials, relative errors around 1e-6
// and below. NaNs and infinities come out as the C library gives them.

import type { Assembler, Expr, Local } from './assembler.ts';

/** Where a function gets its temporaries from. */
export interface MathContext {
  readonly asm: Assembler;
  /** A v128 local that is free until the expression ends. */
  temp(): Local;
}

/** A function of one value that is already in a local. */
export type MathFunction = (context: MathContext, x: Local) => Expr;

/** Arithmetic by short names. */
export const f32 = {
  add: 'f32x4.add',
  sub: 'f32x4.sub',
  mul: 'f32x4.mul',
  div: 'f32x4.div',
} as const;

/** `c₀ xⁿ + c₁ xⁿ⁻¹ + …`, by Horner. */
function polynomial(asm: Assembler, x: Local, coefficients: readonly number[]): Expr {
  const [first, ...rest] = coefficients.map((c) => asm.f32x4(c));
  return rest.reduce((sum, c) => asm.fma(c, sum, x.get), first!);
}

/** Picks `a` where the mask has ones. */
export const pick = (asm: Assembler, mask: Expr, a: Expr, b: Expr): Expr =>
  asm.op('v128.bitselect', a, b, mask);

const clamp = (asm: Assembler, x: Expr, low: number, high: number): Expr =>
  // In this order of operands a NaN stays one.
  asm.op('f32x4.pmin', asm.op('f32x4.pmax', x, asm.f32x4(low)), asm.f32x4(high));

/** 2ⁿ for an integer vector within the exponent's range. */
const powerOfTwo = (asm: Assembler, n: Expr): Expr =>
  asm.op('i32x4.shl', asm.op('i32x4.add', n, asm.i32x4(127)), asm.i32(23));

/** `x − n · high − n · low`: Cody and Waite's reduction, `high` exact in few bits. */
const reduced = (asm: Assembler, x: Expr, n: Local, parts: readonly number[]): Expr =>
  parts.reduce((rest, part) => asm.op(f32.sub, rest, asm.op(f32.mul, n.get, asm.f32x4(part))), x);

/** Adding it to a small float rounds that to an integer, which is then in the lowest bits. */
const rounder = 3 * 2 ** 22;

/**
 * `eʳ` for the `r` in `x = n · ln 2 + r`, within 1.6e-7; the lowest bits of `n` become `n + bias`.
 * A minimax polynomial whose value at 0 is exactly 1.
 */
function expReduced({ asm, temp }: MathContext, x: Expr, n: Local, r: Local, bias: number): Expr {
  const whole = asm.f32x4(rounder + bias);
  const rounded = temp();
  return asm.seq(
    r.set(x),
    n.set(asm.fma(whole, r.get, asm.f32x4(Math.LOG2E))),
    rounded.set(asm.op(f32.sub, n.get, whole)),
    r.set(reduced(asm, r.get, rounded, [0.693359375, -2.1219444e-4])),
    polynomial(asm, r, [0.00829027034, 0.0418981612, 0.166676387, 0.499991477, 0.999999702, 1]),
  );
}

/** `eˣ`. */
export const exp: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const [n, r, half] = [temp(), temp(), temp()];
  const bounded = clamp(asm, x.get, -104, 89);
  return asm.seq(
    r.set(expReduced(context, bounded, n, r, 0)),
    n.set(asm.op('i32x4.sub', n.get, asm.i32x4(0x4b400000))),
    half.set(asm.op('i32x4.shr_s', n.get, asm.i32(1))),
    // In two steps, since results near the ends of the range have exponents beyond it.
    asm.op(
      f32.mul,
      asm.op(f32.mul, r.get, powerOfTwo(asm, half.get)),
      powerOfTwo(asm, asm.op('i32x4.sub', n.get, half.get)),
    ),
  );
};

/** The high part of ln 2: a product with an exponent is exact. */
export const ln2High = 0.693359375;

/** The logarithm of a positive finite number in three parts, `e · ln2High + m + y`; `e`, `m` exact. */
export interface LogParts {
  /** Statement: sets the parts. */
  readonly split: Expr;
  readonly e: Local;
  readonly m: Local;
  readonly y: Local;
}

/** Splits the logarithm of what is in a local. */
export function logParts({ asm, temp }: MathContext, x: Local): LogParts {
  const [e, m, z, y] = [temp(), temp(), temp(), temp()];
  const subnormal = asm.op('f32x4.lt', x.get, asm.f32x4(2 ** -126));
  const large = asm.op('f32x4.ge', m.get, asm.f32x4(Math.SQRT1_2));
  const split = asm.seq(
    // Subnormals are scaled up by 2^23 first.
    z.set(subnormal),
    m.set(pick(asm, z.get, asm.op(f32.mul, x.get, asm.f32x4(2 ** 23)), x.get)),
    e.set(
      asm.op(
        'i32x4.sub',
        asm.op('i32x4.sub', asm.op('i32x4.shr_u', m.get, asm.i32(23)), asm.i32x4(126)),
        asm.op('v128.and', z.get, asm.i32x4(23)),
      ),
    ),
    m.set(
      asm.op('v128.or', asm.op('v128.and', m.get, asm.i32x4(0x007fffff)), asm.i32x4(0x3f000000)),
    ),
    // m in [√½, √2), so that the series runs around 1.
    z.set(large),
    e.set(asm.op('i32x4.sub', e.get, asm.op('v128.andnot', asm.i32x4(1), z.get))),
    m.set(
      asm.op(f32.sub, asm.op(f32.add, m.get, asm.op('v128.andnot', m.get, z.get)), asm.f32x4(1)),
    ),
    e.set(asm.op('f32x4.convert_i32x4_s', e.get)),
    z.set(asm.op(f32.mul, m.get, m.get)),
    y.set(
      polynomial(
        asm,
        m,
        [
          7.0376836e-2, -1.151461e-1, 1.1676998e-1, -1.2420141e-1, 1.4249323e-1, -1.6668057e-1,
          2.0000714e-1, -2.4999994e-1, 3.3333331e-1,
        ],
      ),
    ),
    y.set(asm.op(f32.mul, asm.op(f32.mul, y.get, m.get), z.get)),
    y.set(asm.op(f32.add, y.get, asm.op(f32.mul, e.get, asm.f32x4(-2.1219444e-4)))),
    y.set(asm.op(f32.sub, y.get, asm.op(f32.mul, z.get, asm.f32x4(0.5)))),
  );
  return { split, e, m, y };
}

/** Natural logarithm. */
export const log: MathFunction = (context, x) => {
  const { asm } = context;
  const { split, e, m, y } = logParts(context, x);
  return asm.seq(
    split,
    y.set(
      asm.op(f32.add, asm.op(f32.add, m.get, y.get), asm.op(f32.mul, e.get, asm.f32x4(ln2High))),
    ),
    y.set(pick(asm, asm.op('f32x4.eq', x.get, asm.f32x4(Infinity)), x.get, y.get)),
    y.set(pick(asm, asm.op('f32x4.eq', x.get, asm.f32x4(0)), asm.f32x4(-Infinity), y.get)),
    // Negative or NaN: not at least zero.
    pick(asm, asm.op('f32x4.ge', x.get, asm.f32x4(0)), y.get, asm.f32x4(Number.NaN)),
  );
};

/** The error function: an odd rational of degree 13 over 8, within 3e-7. */
export const erf: MathFunction = ({ asm, temp }, x) => {
  const [c, s] = [temp(), temp()];
  const top = [
    -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5,
    -7.34990630326855e-4, -2.95459980854025e-3, -1.60960333262415e-2,
  ];
  const bottom = [
    -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3,
    -1.42647390514189e-2,
  ];
  return asm.seq(
    c.set(clamp(asm, x.get, -4, 4)),
    s.set(asm.op(f32.mul, c.get, c.get)),
    asm.op(f32.div, asm.op(f32.mul, c.get, polynomial(asm, s, top)), polynomial(asm, s, bottom)),
  );
};

/** Hyperbolic tangent: an odd rational of degree 13 over 6. */
export const tanh: MathFunction = ({ asm, temp }, x) => {
  const [c, s] = [temp(), temp()];
  const top = [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
    1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
  ];
  const bottom = [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3];
  return asm.seq(
    c.set(clamp(asm, x.get, -7.905311107635498, 7.905311107635498)),
    s.set(asm.op(f32.mul, c.get, c.get)),
    asm.op(f32.div, asm.op(f32.mul, c.get, polynomial(asm, s, top)), polynomial(asm, s, bottom)),
  );
};

/** `1 / (1 + e⁻ˣ)`; 0 where that is subnormal, which spares `exp` its second step. */
export const sigmoid: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const [n, r] = [temp(), temp()];
  const bounded = clamp(asm, asm.op('f32x4.neg', x.get), -87, 89);
  const one = () => asm.f32x4(1);
  return asm.seq(
    r.set(expReduced(context, bounded, n, r, 127)),
    n.set(asm.op('i32x4.shl', n.get, asm.i32(23))),
    asm.op(f32.div, one(), asm.op(f32.add, asm.op(f32.mul, r.get, n.get), one())),
  );
};

/** `x · 2 ∕ π` to the nearest integer, and what is left, in [−π⁄4, π⁄4]. Good up to |x| of some 10⁴. */
const quarterTurns = (asm: Assembler, x: Local, n: Local, r: Local): Expr =>
  asm.seq(
    n.set(asm.op('f32x4.nearest', asm.op(f32.mul, x.get, asm.f32x4(2 / Math.PI)))),
    // Infinities have no angle: their remainder is NaN, and so the result.
    r.set(reduced(asm, x.get, n, [1.5703125, 4.837512969970703e-4, 7.549789948768648e-8])),
    n.set(asm.op('i32x4.trunc_sat_f32x4_s', n.get)),
  );

/** Sine, `shift` quarter turns further on. */
const sineShifted =
  (shift: number): MathFunction =>
  ({ asm, temp }, x) => {
    const [n, r, s, sine, odd] = [temp(), temp(), temp(), temp(), temp()];
    const cosine = polynomial(asm, s, [2.4433157e-5, -1.3887316e-3, 4.1666645e-2, -0.5, 1]);
    return asm.seq(
      quarterTurns(asm, x, n, r),
      n.set(asm.op('i32x4.add', n.get, asm.i32x4(shift))),
      s.set(asm.op(f32.mul, r.get, r.get)),
      sine.set(polynomial(asm, s, [-1.9515296e-4, 8.3321609e-3, -1.6666655e-1])),
      sine.set(asm.op(f32.add, r.get, asm.op(f32.mul, asm.op(f32.mul, sine.get, s.get), r.get))),
      odd.set(asm.op('i32x4.eq', asm.op('v128.and', n.get, asm.i32x4(1)), asm.i32x4(1))),
      // The second half of the turn has the opposite sign.
      asm.op(
        'v128.xor',
        pick(asm, odd.get, cosine, sine.get),
        asm.op('i32x4.shl', asm.op('v128.and', n.get, asm.i32x4(2)), asm.i32(30)),
      ),
    );
  };

/** Sine of radians. */
export const sin: MathFunction = sineShifted(0);

/** Cosine of radians. */
export const cos: MathFunction = sineShifted(1);

/** Tangent of radians. */
export const tan: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const s = temp();
  return asm.seq(s.set(sin(context, x)), asm.op(f32.div, s.get, cos(context, x)));
};
