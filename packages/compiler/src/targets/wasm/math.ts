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

/**
 * `c₀ xⁿ + c₁ xⁿ⁻¹ + …`, pair by pair [Estrin, "Organization of computer systems", 1960]: Horner's
 * scheme takes fewer products, but each of its steps waits for the one before.
 *
 * @param square `x²`, where it is known.
 */
export function polynomial(
  { asm, temp }: MathContext,
  x: Local,
  coefficients: readonly number[],
  square?: Local,
): Expr {
  let terms = coefficients.toReversed().map((c) => asm.f32x4(c));
  let power = x;
  const powers: Expr[] = [];
  while (terms.length > 1) {
    const by = power;
    const pairs: Expr[] = [];
    for (let i = 0; i < terms.length; i += 2) {
      const [low, high] = [terms[i]!, terms[i + 1]];
      pairs.push(high ? asm.fma(low, high, by.get) : low);
    }
    terms = pairs;
    if (terms.length === 1) break;
    if (square && by === x) {
      power = square;
      continue;
    }
    power = temp();
    powers.push(power.set(asm.op(f32.mul, by.get, by.get)));
  }
  return asm.seq(...powers, terms[0]!);
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
export const reduced = (asm: Assembler, x: Expr, n: Local, parts: readonly number[]): Expr =>
  parts.reduce((rest, part) => asm.fma(rest, n.get, asm.f32x4(-part)), x);

/** Adding it to a small float rounds that to an integer, which is then in the lowest bits. */
const rounder = 3 * 2 ** 22;

/**
 * `eʳ` for the `r` in `x = n · ln 2 + r`, within 1.1e-7; the lowest bits of `n` become `n + bias`.
 * A minimax polynomial that begins exactly as `1 + r`.
 */
function expReduced(context: MathContext, x: Expr, n: Local, r: Local, bias: number): Expr {
  const { asm, temp } = context;
  const whole = asm.f32x4(rounder + bias);
  const [rounded, square] = [temp(), temp()];
  return asm.seq(
    r.set(x),
    n.set(asm.fma(whole, r.get, asm.f32x4(Math.LOG2E))),
    rounded.set(asm.op(f32.sub, n.get, whole)),
    r.set(reduced(asm, r.get, rounded, [0.693359375, -2.1219444e-4])),
    square.set(asm.op(f32.mul, r.get, r.get)),
    asm.op(
      f32.add,
      asm.fma(
        r.get,
        polynomial(context, r, [0.0083125, 0.04189033, 0.16667115, 0.4999923], square),
        square.get,
      ),
      asm.f32x4(1),
    ),
  );
}

/** `eˣ` for `x` between −88 and 88: one that does not overflow, and is 0 where it would be subnormal. */
function expNormal(context: MathContext, x: Expr): Expr {
  const { asm, temp } = context;
  const [n, r] = [temp(), temp()];
  return asm.seq(
    r.set(expReduced(context, x, n, r, 127)),
    asm.op(f32.mul, r.get, asm.op('i32x4.shl', n.get, asm.i32(23))),
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

/** The error function: an odd rational of degree 13 over 8, within 3e-7. */
export const erf: MathFunction = (context, x) => {
  const { asm, temp } = context;
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
    asm.op(
      f32.div,
      asm.op(f32.mul, c.get, polynomial(context, s, top)),
      polynomial(context, s, bottom),
    ),
  );
};

/** Hyperbolic tangent: an odd rational of degree 13 over 6. */
export const tanh: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const [c, s] = [temp(), temp()];
  const top = [
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
    1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
  ];
  const bottom = [1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3];
  return asm.seq(
    c.set(clamp(asm, x.get, -7.905311107635498, 7.905311107635498)),
    s.set(asm.op(f32.mul, c.get, c.get)),
    asm.op(
      f32.div,
      asm.op(f32.mul, c.get, polynomial(context, s, top)),
      polynomial(context, s, bottom),
    ),
  );
};

/** `eˣ` for `x` up to 0: what softmax takes. Subnormal results are 0. */
export const expNonPositive: MathFunction = (context, x) =>
  expNormal(context, clamp(context.asm, x.get, -88, 0));

/** `eˣ / (1 + eˣ)`; 0 where that is subnormal, which spares `exp` its second step. */
export const sigmoid: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const e = temp();
  return asm.seq(
    // Beyond 20 the quotient is 1.
    e.set(expNormal(context, clamp(asm, x.get, -88, 20))),
    asm.op(f32.div, e.get, asm.op(f32.add, e.get, asm.f32x4(1))),
  );
};

/** `tanh(log(1 + eˣ))`, which Mish multiplies by `x`: `n / (n + 2)` where `n = eˣ (eˣ + 2)`. */
export const tanhSoftplus: MathFunction = (context, x) => {
  const { asm, temp } = context;
  const [e, n] = [temp(), temp()];
  return asm.seq(
    // Beyond 20 the quotient is 1.
    e.set(expNormal(context, clamp(asm, x.get, -88, 20))),
    n.set(asm.op(f32.mul, e.get, asm.op(f32.add, e.get, asm.f32x4(2)))),
    asm.op(f32.div, n.get, asm.op(f32.add, n.get, asm.f32x4(2))),
  );
};
