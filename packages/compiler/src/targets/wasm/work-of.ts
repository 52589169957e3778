// What a call does, for predictions: its instructions, and the memory that it touches.

import type { Work } from '../../devices/work.ts';
import type { Call } from './kernel.ts';
import type { Linked } from './link.ts';
import type { Tally } from './tally.ts';

/** A call, and whose prices apply. */
export type PricedCall = Call & { readonly kernel: string };

/** Bytes that instructions can have touched at most. */
const reach = (tally: Tally): number =>
  16 * ((tally.vectorLoad ?? 0) + (tally.epilogueLoad ?? 0) + (tally.vectorStore ?? 0)) +
  4 * ((tally.splatLoad ?? 0) + (tally.wordLoad ?? 0) + (tally.wordStore ?? 0)) +
  2 * (tally.bulkByte ?? 0);

/** What a call does. */
export function workOf(call: PricedCall, tally: Linked['tally']): Work {
  const buffers = [...new Set(call.args.map(({ buffer }) => buffer))];
  const bytes = (constant: boolean) =>
    buffers
      .filter(({ kind }) => (kind === 'constant') === constant)
      .reduce((sum, buffer) => sum + buffer.bytes, 0);
  return {
    label: call.label,
    kernel: call.kernel,
    tally,
    constantBytes: bytes(true),
    // Halos and slices are a small part of the buffer that they lie in.
    activationBytes: Math.min(bytes(false), reach(tally.plain)),
    rereads: (call.rereads ?? []).filter((reread) => reread.bytes > 0),
  };
}
