// The digest by hand agrees with the engine's.

import { createHash } from 'node:crypto';
import t from 'tap';
import { digestOf } from '../../packages/runtime/src/sha256.ts';

t.test('agrees with node:crypto about every length around a block', async (t) => {
  for (const length of [0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100_003]) {
    const data = Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));
    const expected = createHash('sha256').update(data).digest('hex');
    t.equal(Buffer.from(digestOf(data)).toString('hex'), expected, `${length} bytes`);
  }
});
