// Heads of attention: columns of rows, or an axis of their own.

import type { Node } from '@espalier/ir';
import type { Site } from '../importer.ts';

/** `[B, rows, heads · size]` as `[B, heads, rows, size]`. */
export function splitHeads({ b }: Pick<Site, 'b'>, x: Node, heads: number): Node {
  const [batch, rows, width] = x.type.shape as readonly [number, number, number];
  const split = b.reshape(x, { shape: [batch, rows, heads, width / heads] });
  return b.transpose(split, { perm: [0, 2, 1, 3] });
}

/** `[B, heads, rows, size]` as `[B, rows, heads · size]`. */
export function joinHeads({ b }: Pick<Site, 'b'>, x: Node): Node {
  const [batch, heads, rows, size] = x.type.shape as readonly [number, number, number, number];
  const joined = b.transpose(x, { perm: [0, 2, 1, 3] });
  return b.reshape(joined, { shape: [batch, rows, heads * size] });
}
