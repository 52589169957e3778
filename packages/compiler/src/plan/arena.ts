// Gives buffers their offsets, sharing memory between those that never live at the same time.

import type { Lifetime } from './lifetimes.ts';
import type { Buffer } from './view.ts';

/** Offsets are multiples of a cache line. */
const alignment = 64;

/** The next multiple of a unit. */
export const alignedTo = (unit: number, bytes: number): number => Math.ceil(bytes / unit) * unit;

/** The next multiple of a cache line. */
export const aligned = (bytes: number): number => alignedTo(alignment, bytes);

/** Where buffers lie in one arena. */
export interface Arena {
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

/**
 * Places buffers greedily, the largest first, each into the lowest gap between those that live at
 * the same time [Pisarchyk & Lee, "Efficient memory management for deep neural net inference", 2020, §4.2].
 */
export function placeBuffers(lives: readonly Lifetime[]): Arena {
  const bySize = [...lives].sort(
    (a, b) => b.buffer.bytes - a.buffer.bytes || a.first - b.first || a.buffer.id - b.buffer.id,
  );
  const offsets = new Map<Buffer, number>();
  const placed: (Lifetime & { readonly offset: number })[] = [];
  let bytes = 0;
  for (const life of bySize) {
    const size = aligned(life.buffer.bytes);
    const rivals = placed
      .filter((other) => other.first <= life.last && life.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const rival of rivals) {
      if (rival.offset >= offset + size) break;
      offset = Math.max(offset, rival.offset + aligned(rival.buffer.bytes));
    }
    offsets.set(life.buffer, offset);
    placed.push({ ...life, offset });
    bytes = Math.max(bytes, offset + size);
  }
  return { offsets, bytes };
}
