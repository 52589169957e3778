// Lines of the first cache, as far as rereads have to know them.

/** Bytes of a line. */
export const lineBytes = 64;

/** Sets of the first cache: on the usual cores a page is as long as one line of each. */
const sets = 64;

/** How many times fewer sets lines `bytes` apart share: a large power of two leaves one of them. */
export function setsLost(bytes: number): number {
  const distance = Math.abs(bytes) / lineBytes;
  let lost = 1;
  while (lost < sets && distance % (2 * lost) === 0) lost *= 2;
  return lost;
}

/** Lines that a run of so many bytes lies in, wherever it starts: on average. */
export const linesOf = (bytes: number): number => 1 + (bytes - 4) / lineBytes;
