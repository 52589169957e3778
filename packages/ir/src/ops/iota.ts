// Indices of an axis as a constant: what compositions compute places from.

import type { Builder } from '../builder.ts';
import type { Node } from '../node.ts';

/** `0, step, 2·step, …` along `axis` of a tensor of rank `rank` whose other axes have extent 1, i32. */
export function iota(b: Builder, extent: number, axis: number, rank: number, step = 1): Node {
  const shape = Array.from({ length: rank }, (_, a) => (a === axis ? extent : 1));
  const data = Int32Array.from({ length: extent }, (_, i) => i * step);
  return b.constant({ type: { dtype: 'i32', shape }, data });
}

/** The sum of i32 nodes that broadcast. */
export const total = (b: Builder, [first, ...rest]: readonly Node[]): Node =>
  rest.reduce((sum, node) => b.scalar('add', sum, node), first ?? b.value(0, 'i32'));
