// Sine, cosine and tangent of four floats.

import type { Assembler, Expr, Local } from './assembler.ts';
import { f32, type MathFunction, pick, polynomial, reduced } from './math.ts';

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
  (context, x) => {
    const { asm, temp } = context;
    const [n, r, s, sine, odd] = [temp(), temp(), temp(), temp(), temp()];
    const cosine = polynomial(context, s, [2.4433157e-5, -1.3887316e-3, 4.1666645e-2, -0.5, 1]);
    return asm.seq(
      quarterTurns(asm, x, n, r),
      n.set(asm.op('i32x4.add', n.get, asm.i32x4(shift))),
      s.set(asm.op(f32.mul, r.get, r.get)),
      sine.set(polynomial(context, s, [-1.9515296e-4, 8.3321609e-3, -1.6666655e-1])),
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
