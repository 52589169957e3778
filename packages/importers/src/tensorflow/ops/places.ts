// Operators that write at places, and boxes that give way to better ones.

import type { Node } from '@espalier/ir';
import { filled } from '../room.ts';
import { cast } from './elementwise.ts';
import type { Operators, Site } from './operator.ts';

/** Values at places `[K, rank]`, or `[K]` of a list, over a constant background. */
function sparseToDense(site: Site): Node {
  const { b } = site;
  const shape = site.numbers(1);
  const values = site.input(2);
  const fallback = site.inputs[3] ?? b.value(0, values.type.dtype);
  const given = cast(site, site.input(0), 'i32');
  const flat = given.type.shape.length < 2;
  const count = given.type.shape[0] ?? 1;
  const places = flat ? b.reshape(given, { shape: [count, 1] }) : given;
  const updates = b.expand(values, { shape: [count] });
  return b.scatterNd(b.expand(fallback, { shape }), places, updates, { kind: 'set' });
}

/** Slices added up at places of a tensor of zeros. */
function scatterNd(site: Site): Node {
  const updates = site.input(1);
  const type = { dtype: updates.type.dtype, shape: site.numbers(2) };
  const places = cast(site, site.input(0), 'i32');
  return site.b.scatterNd(filled(site, type, 0), places, updates, { kind: 'add' });
}

/** Operators that write at places, by name. */
export const places: Operators = {
  ScatterNd: scatterNd,
  SparseToDense: sparseToDense,
  TensorScatterUpdate: (site) =>
    site.b.scatterNd(site.input(0), cast(site, site.input(1), 'i32'), site.input(2), {
      kind: 'set',
    }),
};
