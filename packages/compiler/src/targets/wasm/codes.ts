// Codes, bytes in memory, to and from lanes of 32 bits.

import type { Assembler, Expr, Local } from './assembler.ts';
import { addressOf } from './walk.ts';

/** Value: up to four codes `step` bytes apart, as i32 lanes; step 0 repeats one. */
export function loadCodes(
  asm: Assembler,
  address: Expr,
  step: number,
  lanes = 4,
  byteOffset = 0,
): Expr {
  if (step === 1)
    return asm.op(
      'i32x4.extend_low_i16x8_u',
      asm.op('i16x8.extend_low_i8x16_u', asm.load('v128.load32_zero', address, byteOffset)),
    );
  const at = (lane: number): Expr => {
    const bytes = byteOffset + step * lane;
    return bytes >= 0
      ? asm.load('i32.load8_u', address, bytes)
      : asm.load('i32.load8_u', asm.op('i32.add', address, asm.i32(bytes)));
  };
  let vector = asm.op('i32x4.splat', at(0));
  if (step === 0) return vector;
  for (let lane = 1; lane < lanes; lane++)
    vector = asm.lane('i32x4.replace_lane', lane, vector, at(lane));
  return vector;
}

/**
 * Statement: stores the first `lanes` lanes of vectors of codes, `step` bytes apart. The first vector is
 * overwritten.
 */
export function storeCodes(
  asm: Assembler,
  to: Local,
  vectors: readonly Local[],
  lanes: number,
  { step = 1, byteOffset = 0 }: { readonly step?: number; readonly byteOffset?: number } = {},
): Expr {
  const [first, second = first] = vectors as [Local, Local?];
  if (step !== 1)
    return asm.seq(
      ...Array.from({ length: lanes }, (_, lane) => {
        const [address, offset] = addressOf(asm, to.get, byteOffset + step * lane);
        const vector = (lane < 4 ? first : second).get;
        return asm.storeLane('v128.store8_lane', address, vector, 4 * (lane % 4), offset);
      }),
    );
  return asm.seq(
    first.set(asm.op('i16x8.narrow_i32x4_s', first.get, second.get)),
    first.set(asm.op('i8x16.narrow_i16x8_u', first.get, first.get)),
    storeBytes(asm, to, first, lanes, byteOffset),
  );
}

/** Stores of a part of a vector, the widest first. */
const parts = [
  [8, 'v128.store64_lane'],
  [4, 'v128.store32_lane'],
  [2, 'v128.store16_lane'],
  [1, 'v128.store8_lane'],
] as const;

/** Statement: stores the first bytes of a vector, up to 16. */
export function storeBytes(
  asm: Assembler,
  to: Local,
  vector: Local,
  bytes: number,
  byteOffset = 0,
): Expr {
  if (bytes === 16) return asm.store('v128.store', to.get, vector.get, byteOffset);
  const stores: Expr[] = [];
  let done = 0;
  for (const [size, name] of parts)
    while (bytes - done >= size) {
      stores.push(asm.storeLane(name, to.get, vector.get, done / size, byteOffset + done));
      done += size;
    }
  return asm.seq(...stores);
}
