// The load-time function that digests a part of the weights file, as `emit/digest.ts` defines it.

import { multipliers, rotations, roundBytes, seedOf } from '../../emit/digest.ts';
import type { Assembler, Expr } from './assembler.ts';
import type { Routine } from './link.ts';

/** Writes the digest, 16 bytes, of the rounds from an address to another: at least one. */
export const digestRounds: Routine = {
  args: ['from', 'end', 'result'],

  write(asm, from, end, result) {
    const sums = Array.from({ length: roundBytes / 16 }, () => asm.v128Local());
    const digest = asm.v128Local();
    const begin = sums.map((sum, i) =>
      sum.set(
        vectorOf(
          asm,
          [0, 1, 2, 3].map((lane) => seedOf(4 * i + lane)),
        ),
      ),
    );
    const times = (x: Expr, multiplier: number) => asm.op('i32x4.mul', x, asm.i32x4(multiplier));
    const round = sums.map((sum, i) => {
      const word = asm.load('v128.load', from!.get, 16 * i);
      return asm.seq(
        sum.set(asm.op('i32x4.add', sum.get, times(word, multipliers.a))),
        sum.set(times(rotated(asm, sum.get, rotations.word), multipliers.b)),
      );
    });
    const fold = sums.map((sum) =>
      digest.set(
        times(
          asm.op('i32x4.add', rotated(asm, digest.get, rotations.fold), sum.get),
          multipliers.a,
        ),
      ),
    );
    return asm.seq(
      ...begin,
      asm.until(from!, end!.get, asm.seq(...round, from!.advance(roundBytes))),
      ...fold,
      asm.store('v128.store', result!.get, digest.get),
    );
  },
};

function vectorOf(asm: Assembler, [first, ...rest]: readonly number[]): Expr {
  return rest.reduce<Expr>(
    (vector, value, i) => asm.lane('i32x4.replace_lane', i + 1, vector, asm.i32(value)),
    asm.i32x4(first!),
  );
}

const rotated = (asm: Assembler, x: Expr, by: number): Expr =>
  asm.op(
    'v128.or',
    asm.op('i32x4.shl', x, asm.i32(by)),
    asm.op('i32x4.shr_u', x, asm.i32(32 - by)),
  );
