// Products of matrices.

import type { Node } from '@espalier/ir';
import { borrow } from '../borrow.ts';
import { filled, transposed } from '../room.ts';
import { fused } from './convolutions.ts';
import { cast } from './elementwise.ts';
import type { Operators, Site } from './operator.ts';

/** An operand, its last two axes swapped if asked for. */
function matrix(site: Site, i: number, swap: boolean): Node {
  const x = cast(site, site.input(i), 'f32');
  const rank = x.type.shape.length;
  if (rank < 2) throw site.bad(`a product of a rank ${rank} tensor`);
  const axes = x.type.shape.map((_, axis) => axis);
  return swap ? transposed(site, x, [...axes.slice(0, -2), rank - 1, rank - 2]) : x;
}

function product(site: Site, left: string, right: string): Node {
  const { attributes } = site;
  const a = matrix(site, 0, attributes.flag(left, false));
  return site.b.matmul(a, matrix(site, 1, attributes.flag(right, false)));
}

function matmul(site: Site, bias?: Node): Node {
  const y = product(site, 'transpose_a', 'transpose_b');
  return bias ? site.b.scalar('add', y, bias) : y;
}

/** Keeps so many diagonals below and above the main one; a negative number keeps all. */
function band(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const [rows, columns] = x.type.shape.slice(-2);
  if (columns === undefined) throw site.bad(`a matrix of rank ${x.type.shape.length}`);
  const [lower, upper] = [site.numbers(1)[0] ?? 0, site.numbers(2)[0] ?? 0];
  const data = new Uint8Array(site.claim(rows! * columns, 'a band of a matrix'));
  for (let i = 0; i < data.length; i++) {
    const above = (i % columns) - Math.floor(i / columns);
    data[i] = Number((lower < 0 || -above <= lower) && (upper < 0 || above <= upper));
  }
  const kept = b.constant({ type: { dtype: 'bool', shape: [rows!, columns] }, data });
  return b.scalar('select', kept, x, filled(site, { dtype: x.type.dtype, shape: [] }, 0));
}

const batched = (site: Site) => product(site, 'adj_x', 'adj_y');

/** Products, by name. */
export const products: Operators = {
  BatchMatMul: batched,
  BatchMatMulV2: batched,
  Einsum: (site) =>
    borrow(site, 'Einsum', site.inputs, { equation: site.attributes.text('equation', '') }),
  MatrixBandPart: band,
  MatMul: (site) => matmul(site),
  _FusedMatMul: fused(matmul, () => 'NHWC'),
};
