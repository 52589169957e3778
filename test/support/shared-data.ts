// The shared data sets and models, where this machine has them. Nothing of them is in the repository.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = process.env.ESPALIER_DATA ?? join(import.meta.dirname, '../../../shared/data');

/** Path of a file of the shared data. */
export const sharedData = (...path: string[]): string => join(root, ...path);

/** Whether the shared data is here. */
export const hasSharedData = (): boolean => existsSync(root);

/** A tap option: skips, saying so, where the shared data is absent. */
export const skipWithoutData = existsSync(root)
  ? {}
  : { skip: `no shared data at ${root} (set ESPALIER_DATA)` };

/** Value `i` of a skeleton's fill, as `shared/data/README.md` defines it. */
export function fillByFormula(
  count: number,
  { seed, mean, amp }: { readonly seed: number; readonly mean: number; readonly amp: number },
): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (i + seed) >>> 0;
    x ^= x >>> 16;
    x = Math.imul(x, 0x7feb352d);
    x ^= x >>> 15;
    x = Math.imul(x, 0x846ca68b);
    x ^= x >>> 16;
    values[i] = mean + amp * ((x >>> 8) / 8388608 - 1);
  }
  return values;
}
