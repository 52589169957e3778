// Load-time functions: weights stored with fewer bits become f32, and what kernels want made of them.

import type { PackedOffsets, PackedWeights } from '../../emit/pack.ts';
import type { Assembler, Expr, Local } from './assembler.ts';
import type { Preparation } from './kernel.ts';
import type { Routine } from './link.ts';

/** Bytes of one weight as it is stored. */
const codeBytes = { f32: 4, f16: 2, int8: 1 } as const;

/** The function that unpacks weights: of the codes, the headers of the blocks and the place of the result. */
export const unpackWeights = ({
  kind,
  layout,
  preparation: given,
}: Pick<PackedWeights, 'kind' | 'layout' | 'preparation'>): Routine => ({
  args: ['codes', 'headers', 'result'],

  write(asm, from, header, to) {
    const { blocks, rows, lanes } = layout;
    const preparation: Omit<Preparation, 'bytes'> = given ?? plainCopy(lanes);
    const rowBytes = lanes * codeBytes[kind];
    const factors = kind === 'f32' ? [] : Array.from({ length: lanes / 4 }, () => asm.v128Local());
    const read = readers[kind](asm);
    const row = (index: number, vector: number): Expr => {
      const raw = read(from!, index * rowBytes + 4 * vector * codeBytes[kind]);
      const factor = factors[vector];
      return factor ? asm.op('f32x4.mul', raw, factor.get) : raw;
    };
    const round = asm.seq(
      preparation.write(asm, row, to!),
      from!.advance(preparation.rows * rowBytes),
    );
    const scaleBytes = 16 * factors.length;
    const left = asm.i32Local();
    const allRows =
      typeof rows === 'number'
        ? asm.range(left, 0, rows / preparation.rows, 1, round)
        : asm.seq(
            left.set(asm.load('i32.load', header!.get, scaleBytes)),
            asm.when(
              left.get,
              asm.until(left, asm.i32(0), asm.seq(round, left.advance(-preparation.rows))),
            ),
          );
    const block = asm.seq(
      ...factors.map((factor, v) => factor.set(asm.load('v128.load', header!.get, 16 * v))),
      allRows,
      header!.advance(scaleBytes + (typeof rows === 'number' ? 0 : 4)),
    );
    return asm.range(asm.i32Local(), 0, blocks, 1, block);
  },
});

/** Instructions that load a step of so many bytes. */
const stepLoads = { 1: 'i32.load8_u', 2: 'i32.load16_u', 4: 'i32.load' } as const;

/** The function that adds up steps: of the codes, the bytes of each list and the place of the result. */
export const unpackOffsets = ({
  lists,
  stepBytes,
  unit,
}: Pick<PackedOffsets, 'lists' | 'stepBytes' | 'unit'>): Routine => ({
  args: ['steps', 'counts', 'result'],

  write(asm, from, counts, to) {
    const [offset, end] = [asm.i32Local(), asm.i32Local()];
    const loaded = asm.load(stepLoads[stepBytes], from!.get);
    const step = unit === 1 ? loaded : asm.op('i32.shl', loaded, asm.i32(2));
    const list = asm.seq(
      offset.set(asm.i32(0)),
      end.set(asm.op('i32.add', to!.get, asm.load('i32.load', counts!.get))),
      asm.when(
        asm.load('i32.load', counts!.get),
        asm.until(
          to!,
          end.get,
          asm.seq(
            offset.advance(step),
            asm.store('i32.store', to!.get, offset.get),
            from!.advance(stepBytes),
            to!.advance(4),
          ),
        ),
      ),
      counts!.advance(4),
    );
    return asm.range(asm.i32Local(), 0, lists, 1, list);
  },
});

/** Nothing but unpacking. */
const plainCopy = (lanes: number): Omit<Preparation, 'bytes'> => ({
  rows: 1,
  write: (asm, row, to) =>
    asm.seq(
      ...Array.from({ length: lanes / 4 }, (_, v) =>
        asm.store('v128.store', to.get, row(0, v), 16 * v),
      ),
      to.advance(4 * lanes),
    ),
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

/** Value: four weights as floats, by the form in which they are stored. */
const readers = {
  f32: (asm: Assembler) => (from: Local, offset: number) => asm.load('v128.load', from.get, offset),
  f16: halves,
  int8: bytes,
} as const;
