// Finished evaluations on disk: a search that was interrupted repeats none of them.

import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { deflateSync, inflateSync } from 'node:zlib';
import type { Cache } from '../cache.ts';

/** Results by what they are results of. */
export interface Journal {
  /** The result; computed and kept where there is none yet. */
  remember<T>(key: string, compute: () => Promise<T>): Promise<T>;
  /** How many were computed, and how many were there. */
  readonly counts: { computed: number; found: number };
}

/**
 * A journal in a cache.
 *
 * @param problem Digest of all that evaluations depend on.
 */
export function openJournal(cache: Cache | undefined, problem: string): Journal {
  const counts = { computed: 0, found: 0 };
  return {
    counts,
    async remember<T>(key: string, compute: () => Promise<T>): Promise<T> {
      const name = `evaluation-${createHash('sha256').update(`${problem} ${key}`).digest('hex')}`;
      const kept = (await cache?.read(name))?.files.value;
      if (kept) {
        counts.found++;
        return deserialize(inflateSync(kept)) as T; // what this key was written with
      }
      const value = await compute();
      counts.computed++;
      // Masks are mostly runs of one value.
      const bytes = deflateSync(serialize(value), { level: 1 });
      await cache?.write(name, { data: null, files: { value: bytes } });
      return value;
    },
  };
}
