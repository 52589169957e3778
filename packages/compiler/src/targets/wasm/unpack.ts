// Load-time functions: weights stored as f16 or int8 become f32 where kernels expect them.

import type { Packed } from '../../emit/weights.ts';
import type { Assembler, Expr, Local } from './assembler.ts';
import type { Routine } from './link.ts';

/** The function that unpacks: of the codes, the scales and the place of the result. */
export const unpackRoutine = ({ kind, layout }: Pick<Packed, 'kind' | 'layout'>): Routine => ({
  args: ['codes', 'scales', 'result'],

  write(asm, from, scales, to) {
    const { blocks, rows, lanes } = layout;
    const factors = Array.from({ length: lanes / 4 }, () => asm.v128Local());
    const unpack = kind === 'f16' ? halves(asm) : bytes(asm);
    const codeBytes = kind === 'f16' ? 2 : 1;
    const row = asm.seq(
      ...factors.map((factor, v) =>
        asm.store(
          'v128.store',
          to!.get,
          asm.op('f32x4.mul', unpack(from!, 4 * v * codeBytes), factor.get),
          16 * v,
        ),
      ),
      from!.advance(lanes * codeBytes),
      to!.advance(4 * lanes),
    );
    const block = asm.seq(
      ...factors.map((factor, v) => factor.set(asm.load('v128.load', scales!.get, 16 * v))),
      scales!.advance(4 * lanes),
      asm.range(asm.i32Local(), 0, rows, 1, row),
    );
    return asm.range(asm.i32Local(), 0, blocks, 1, block);
  },
});

/** Four signed bytes as floats. */
const bytes =
  (asm: Assembler) =>
  (from: Local, offset: number): Expr =>
    asm.op(
      'f32x4.convert_i32x4_s',
      asm.op(
        'i32x4.extend_low_i16x8_s',
        asm.op('i16x8.extend_low_i8x16_s', asm.load('v128.load32_zero', from.get, offset)),
      ),
    );

/**
 * Four halves as floats. The exponent is rebased by a multiplication, which also makes subnormals
 * right; infinities and NaNs get the greatest exponent back.
 */
function halves(asm: Assembler): (from: Local, offset: number) => Expr {
  const bits = asm.v128Local();
  const magnitude = asm.v128Local();
  // 2^112 moves a half's exponent, read as a float's, to where it belongs.
  const rebased = asm.op(
    'f32x4.mul',
    asm.op('i32x4.shl', magnitude.get, asm.i32(13)),
    asm.f32x4(2 ** 112),
  );
  const special = asm.op('i32x4.gt_s', magnitude.get, asm.i32x4(0x7bff));
  const value = asm.op(
    'v128.or',
    asm.op('v128.or', rebased, asm.op('v128.and', special, asm.i32x4(0x7f800000))),
    asm.op('i32x4.shl', asm.op('v128.and', bits.get, asm.i32x4(0x8000)), asm.i32(16)),
  );
  return (from, offset) =>
    asm.seq(
      bits.set(asm.load('v128.load16x4_u', from.get, offset)),
      magnitude.set(asm.op('v128.and', bits.get, asm.i32x4(0x7fff))),
      value,
    );
}
