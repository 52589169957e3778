// Operators that write at places.

import { elementCount, type Node, parseScalar } from '@espalier/ir';
import { filled, sliceAxis } from '../room.ts';
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

/**
 * How often each number below `size` stands in a list, or in each row of a matrix; or the sum of the weights there.
 * Larger numbers do not count.
 */
function binCount(site: Site): Node {
  const { b } = site;
  const given = cast(site, site.input(0), 'i32');
  const [size] = site.numbers(1);
  const weights = site.inputs[2];
  if (size === undefined || !(size >= 0)) throw site.bad(`${size} bins`);
  const matrix = given.type.shape.length === 2;
  const [rows, length] = matrix ? (given.type.shape as [number, number]) : [1, elements(given)];
  const dtype = weights?.type.shape.includes(0) === false ? weights.type.dtype : 'i32';
  const claimed = site.claim(rows * (size + 1), 'bins');
  const offsets = Int32Array.from({ length: rows }, (_, row) => row * (size + 1));
  const inside = b.map([b.reshape(given, { shape: [rows, length] }), b.value(size, 'i32')], {
    expr: parseScalar('min(max(a0, 0i), a1)'),
  });
  const starts = b.constant({ type: { dtype: 'i32', shape: [rows, 1] }, data: offsets });
  const places = b.reshape(b.scalar('add', inside, starts), { shape: [rows * length, 1] });
  const binary = site.attributes.flag('binary_output', false);
  const own = binary || dtype === 'i32' ? undefined : weights;
  const updates = own
    ? b.reshape(own, { shape: [rows * length] })
    : b.expand(b.value(1, dtype === 'f32' ? 'f32' : 'i32'), { shape: [rows * length] });
  const background = filled(site, { dtype: updates.type.dtype, shape: [claimed] }, 0);
  const counts = b.scatterNd(background, places, updates, { kind: binary ? 'set' : 'add' });
  const table = sliceAxis(site, b.reshape(counts, { shape: [rows, size + 1] }), 1, 0, size);
  return matrix ? table : b.reshape(table, { shape: [size] });
}

const elements = ({ type }: Node): number => elementCount(type.shape);

/** Operators that write at places, by name. */
export const places: Operators = {
  Bincount: binCount,
  DenseBincount: binCount,
  ScatterNd: scatterNd,
  SparseToDense: sparseToDense,
  TensorScatterUpdate: (site) =>
    site.b.scatterNd(site.input(0), cast(site, site.input(1), 'i32'), site.input(2), {
      kind: 'set',
    }),
};
