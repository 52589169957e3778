// The logarithm of four floats, also in parts: powers keep its rounding errors.

import type { Expr, Local } from './assembler.ts';
import { f32, type MathContext, type MathFunction, pick, polynomial } from './math.ts';

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
export function logParts(context: MathContext, x: Local): LogParts {
  const { asm, temp } = context;
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
        context,
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
