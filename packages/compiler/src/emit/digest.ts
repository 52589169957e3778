// The digest of a part of the weights file: quick enough to be taken of every part before it is used.
//
// Sixteen 32-bit sums, one for each word of a round of 64 bytes:  s ← rotl(s + word · a, 13) · b  [xxHash32, Collet].
// Then those that share a lane are folded in order:  d ← (rotl(d, 17) + s) · a.  Every step can be undone, so a change of
// one word never stays without effect. It tells damage and mix-ups, not malice: who can change weights can change code.

/** Bytes of a round; what is digested is whole rounds. */
export const roundBytes = 64;

/** Both are odd: multiplying by them loses nothing. */
export const multipliers = { a: 0x85ebca77 | 0, b: 0x9e3779b1 | 0 } as const;
export const rotations = { word: 13, fold: 17 } as const;

/** What the sums begin with: else zeros in front would not count. */
export const seedOf = (sum: number): number => Math.imul(sum + 1, multipliers.b);

/** Four 32-bit words, signed. */
export type Digest = readonly [number, number, number, number];

/** The digest of whole rounds, as the generated function computes it. */
export function digestOf(bytes: Uint8Array): Digest {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const sums = Int32Array.from({ length: roundBytes / 4 }, (_, sum) => seedOf(sum));
  for (let at = 0; at < words.length; at += sums.length)
    for (let i = 0; i < sums.length; i++) {
      const sum = (sums[i]! + Math.imul(words[at + i]!, multipliers.a)) | 0;
      sums[i] = Math.imul(rotated(sum, rotations.word), multipliers.b);
    }
  const fold = (lane: number): number => {
    let digest = 0;
    for (let i = lane; i < sums.length; i += 4)
      digest = Math.imul((rotated(digest, rotations.fold) + sums[i]!) | 0, multipliers.a);
    return digest;
  };
  return [fold(0), fold(1), fold(2), fold(3)];
}

const rotated = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
