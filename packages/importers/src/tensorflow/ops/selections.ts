// Operators that pick elements by index.

import type { Node } from '@espalier/ir';
import { resolveAxis } from '../room.ts';
import { cast } from './elementwise.ts';
import type { Operators, Site } from './operator.ts';

function gather(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const indices = cast(site, site.input(1), 'i32');
  const rank = x.type.shape.length;
  const axis = resolveAxis(site, site.inputs[2] ? site.numbers(2)[0]! : 0, rank);
  const lead = attributes.int('batch_dims', 0);
  const batch = lead < 0 ? lead + indices.type.shape.length : lead;
  if (batch === 0) return b.gather(x, indices, { axis });
  if (batch > axis) throw site.bad(`${batch} batch axes before axis ${axis}`);
  // The axes between batch and axis come last, so that each index picks a slice of what follows it.
  const all = x.type.shape.map((_, i) => i);
  const perm = [...all.slice(0, batch), axis, ...all.slice(batch).filter((i) => i !== axis)];
  const moved = b.transpose(x, { perm });
  const places = b.reshape(indices, { shape: [...indices.type.shape, 1] });
  const y = b.gatherNd(moved, places, { batchDims: batch });
  const own = indices.type.shape.length - batch;
  const between = axis - batch;
  const order = y.type.shape.map((_, i) => i);
  const start = batch + own;
  return b.transpose(y, {
    perm: [
      ...order.slice(0, batch),
      ...order.slice(start, start + between),
      ...order.slice(batch, start),
      ...order.slice(start + between),
    ],
  });
}

function oneHot(site: Site): Node {
  const { b } = site;
  const indices = cast(site, site.input(0), 'i32');
  const depth = site.numbers(1)[0] ?? 0;
  const rank = indices.type.shape.length + 1;
  const axis = resolveAxis(site, site.attributes.int('axis', -1), rank);
  site.claim(depth, 'a one-hot axis');
  return b.scalar('select', b.oneHot(indices, { depth, axis }), site.input(2), site.input(3));
}

/** The greatest elements of the last axis, and where they are. */
function topK(site: Site): Node[] {
  const { b } = site;
  const x = site.input(0);
  const axis = resolveAxis(site, -1, x.type.shape.length);
  const k = site.numbers(1)[0] ?? 1;
  const indices = b.topK(x, { axis, k, largest: true });
  return [b.gatherElements(x, indices, { axis }), indices];
}

/** Operators that pick by index, by name. */
export const selections: Operators = {
  Gather: gather,
  GatherNd: (site) =>
    site.b.gatherNd(site.input(0), cast(site, site.input(1), 'i32'), { batchDims: 0 }),
  GatherV2: gather,
  OneHot: oneHot,
  TopKV2: topK,
};
