// Powers of four floats: the logarithm with its rounding errors, times the exponent, raised.

import type { Expr, Local } from './assembler.ts';
import { exp, f32, type MathContext, pick } from './math.ts';
import { ln2High, logParts } from './math-log.ts';

/**
 * `b · ln x` for positive `x`, as a product and what it lacks: an exponent turns absolute errors into
 * relative ones, so that one rounding at 80 would cost five bits of the power.
 */
function exponentOf(
  context: MathContext,
  x: Local,
  b: Local,
): { readonly find: Expr; readonly product: Local; readonly rest: Local } {
  const { asm, temp } = context;
  const { split, e, m, y } = logParts(context, x);
  const [sum, product, rest, high] = [temp(), temp(), temp(), temp()];
  const add = (p: Expr, q: Expr) => asm.op(f32.add, p, q);
  const sub = (p: Expr, q: Expr) => asm.op(f32.sub, p, q);
  const mul = (p: Expr, q: Expr) => asm.op(f32.mul, p, q);
  // The upper 12 bits; products of two such halves are exact.
  const upper = (value: Local) => asm.op('v128.and', value.get, asm.i32x4(-4096));
  const lower = (value: Local) => sub(value.get, upper(value));
  const find = asm.seq(
    split,
    // The sum of the exact parts with its rounding error, the larger one first.
    e.set(mul(e.get, asm.f32x4(ln2High))),
    sum.set(add(e.get, m.get)),
    y.set(add(y.get, sub(m.get, sub(sum.get, e.get)))),
    high.set(add(sum.get, y.get)),
    y.set(sub(y.get, sub(high.get, sum.get))),
    // Logarithms that the parts do not give: of 0, ∞ and NaN.
    high.set(pick(asm, asm.op('f32x4.lt', x.get, asm.f32x4(Infinity)), high.get, x.get)),
    high.set(pick(asm, asm.op('f32x4.eq', x.get, asm.f32x4(0)), asm.f32x4(-Infinity), high.get)),
    product.set(mul(high.get, b.get)),
    rest.set(sub(mul(upper(high), upper(b)), product.get)),
    rest.set(add(rest.get, mul(upper(high), lower(b)))),
    rest.set(add(rest.get, mul(lower(high), upper(b)))),
    rest.set(add(rest.get, mul(lower(high), lower(b)))),
    rest.set(add(rest.get, mul(y.get, b.get))),
    // Beyond the range of `exp` nothing is lacking, and infinities have no rest.
    rest.set(
      asm.op(
        'v128.and',
        rest.get,
        asm.op('f32x4.lt', asm.op('f32x4.abs', product.get), asm.f32x4(105)),
      ),
    ),
  );
  return { find, product, rest };
}

/** `aᵇ`, as C's `pow`. */
export function pow(context: MathContext, a: Local, b: Local): Expr {
  const { asm, temp } = context;
  const [base, value, whole] = [temp(), temp(), temp()];
  const { find, product, rest } = exponentOf(context, base, b);
  const half = asm.op(f32.mul, b.get, asm.f32x4(0.5));
  const isOdd = asm.op(
    'v128.and',
    whole.get,
    asm.op('f32x4.ne', half, asm.op('f32x4.floor', half)),
  );
  // −∞ has broken powers too: 0 and ∞.
  const negative = asm.op(
    'v128.and',
    asm.op('f32x4.lt', a.get, asm.f32x4(0)),
    asm.op('f32x4.lt', base.get, asm.f32x4(Infinity)),
  );
  return asm.seq(
    base.set(asm.op('f32x4.abs', a.get)),
    whole.set(asm.op('f32x4.eq', b.get, asm.op('f32x4.floor', b.get))),
    find,
    value.set(exp(context, product)),
    value.set(asm.op(f32.mul, value.get, asm.op(f32.add, rest.get, asm.f32x4(1)))),
    // A negative base takes its sign from an odd exponent, and has no value for a broken one.
    value.set(
      asm.op(
        'v128.xor',
        value.get,
        asm.op('v128.and', asm.op('v128.and', a.get, isOdd), asm.i32x4(-2147483648)),
      ),
    ),
    value.set(
      pick(asm, asm.op('v128.andnot', negative, whole.get), asm.f32x4(Number.NaN), value.get),
    ),
    value.set(pick(asm, asm.op('f32x4.ne', b.get, b.get), asm.f32x4(Number.NaN), value.get)),
    value.set(pick(asm, asm.op('f32x4.eq', a.get, asm.f32x4(1)), asm.f32x4(1), value.get)),
    // An infinite exponent of ±1 gives 1: 0 · ∞ above was NaN.
    value.set(
      pick(
        asm,
        asm.op(
          'v128.and',
          asm.op('f32x4.eq', base.get, asm.f32x4(1)),
          asm.op('f32x4.eq', asm.op('f32x4.abs', b.get), asm.f32x4(Infinity)),
        ),
        asm.f32x4(1),
        value.get,
      ),
    ),
    pick(asm, asm.op('f32x4.eq', b.get, asm.f32x4(0)), asm.f32x4(1), value.get),
  );
}
