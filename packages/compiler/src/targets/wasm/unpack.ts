// Load-time functions: weights stored as f16 or int8 become f32 where kernels expect them.

import type { Packed } from '../../emit/weights.ts';
import type { Assembler, Expr, Local } from './assembler.ts';
import type { WeightLayout } from './kernel.ts';
import type { Routine } from './link.ts';

/** The function that unpacks, and the offsets in the file of all but its last argument. */
export function unpackRoutine(packed: Packed): {
  readonly routine: Routine;
  readonly fileOffsets: readonly number[];
} {
  if (packed.kind === 'f16') {
    const write = (asm: Assembler, from: Local, to: Local) =>
      unpackF16(asm, from, to, packed.count);
    return { routine: { args: [0, 1], write: asRoutine(write) }, fileOffsets: [packed.fileOffset] };
  }
  const write = (asm: Assembler, from: Local, scales: Local, to: Local) =>
    unpackInt8(asm, from, scales, to, packed.layout);
  return {
    routine: { args: [0, 1, 2], write: asRoutine(write) },
    fileOffsets: [packed.fileOffset, packed.scalesOffset],
  };
}

/** A writer of a known number of parameters as one of any: the linker passes as many as there are. */
const asRoutine = (write: (asm: Assembler, ...params: [Local, Local, Local]) => Expr) =>
  write as Routine['write'];

/**
 * Halves to floats, four at a time. The exponent is rebased by a multiplication, which also makes
 * subnormals right; infinities and NaNs get the greatest exponent back.
 */
function unpackF16(asm: Assembler, from: Local, to: Local, count: number): Expr {
  const bits = asm.v128Local();
  const magnitude = asm.v128Local();
  const end = asm.i32Local();
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
  const four = asm.seq(
    bits.set(asm.load('v128.load16x4_u', from.get)),
    magnitude.set(asm.op('v128.and', bits.get, asm.i32x4(0x7fff))),
  );
  const whole = count - (count % 4);
  const tail = Array.from({ length: count % 4 }, (_, lane) =>
    asm.storeLane('v128.store32_lane', to.get, value, lane, 4 * lane),
  );
  return asm.seq(
    whole === 0
      ? asm.seq()
      : asm.seq(
          end.set(asm.op('i32.add', from.get, asm.i32(2 * whole))),
          asm.until(
            from,
            end.get,
            asm.seq(four, asm.store('v128.store', to.get, value), from.advance(8), to.advance(16)),
          ),
        ),
    tail.length > 0 ? asm.seq(four, ...tail) : asm.seq(),
  );
}

/** Codes times the scale of their block and lane; lanes are a multiple of 4. */
function unpackInt8(
  asm: Assembler,
  from: Local,
  scales: Local,
  to: Local,
  { blocks, rows, lanes }: WeightLayout,
): Expr {
  const row = asm.i32Local();
  const block = asm.i32Local();
  const vectors = Array.from({ length: lanes / 4 }, () => asm.v128Local());
  const floats = (lane: number): Expr =>
    asm.op(
      'f32x4.convert_i32x4_s',
      asm.op(
        'i32x4.extend_low_i16x8_s',
        asm.op('i16x8.extend_low_i8x16_s', asm.load('v128.load32_zero', from.get, lane)),
      ),
    );
  return asm.range(
    block,
    0,
    blocks,
    1,
    asm.seq(
      ...vectors.map((scale, v) => scale.set(asm.load('v128.load', scales.get, 16 * v))),
      scales.advance(4 * lanes),
      asm.range(
        row,
        0,
        rows,
        1,
        asm.seq(
          ...vectors.map((scale, v) =>
            asm.store('v128.store', to.get, asm.op('f32x4.mul', floats(4 * v), scale.get), 16 * v),
          ),
          from.advance(lanes),
          to.advance(4 * lanes),
        ),
      ),
    ),
  );
}
