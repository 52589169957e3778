// Digests: what names, caches and plans go by.

import { createHash } from 'node:crypto';

/** Node digests less than 2 GiB at once. */
const mostAtOnce = 1 << 30;

/** SHA-256 of parts one after the other. */
export function digest(parts: Iterable<Uint8Array | string>): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (typeof part === 'string') hash.update(part);
    else
      for (let at = 0; at < part.length; at += mostAtOnce)
        hash.update(part.subarray(at, at + mostAtOnce));
  }
  return hash.digest();
}

/** SHA-256 of parts one after the other, in hexadecimal. */
export const sha256 = (...parts: readonly (Uint8Array | string)[]): string =>
  digest(parts).toString('hex');
