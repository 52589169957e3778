// Matrix products.

import { arg, call, literal, type Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';

/** Vectors become matrices of one row or column, which the result then drops. */
export function product(site: Site, left: Node, right: Node): Node {
  const { b } = site;
  const [rankLeft, rankRight] = [left, right].map(({ type }) => type.shape.length);
  if (rankLeft === 0 || rankRight === 0) throw site.bad('MatMul of a single number');
  const rows = rankLeft === 1 ? b.reshape(left, { shape: [1, ...left.type.shape] }) : left;
  const columns = rankRight === 1 ? b.reshape(right, { shape: [...right.type.shape, 1] }) : right;
  const product = multiply(site, rows, columns);
  const { shape } = product.type;
  const kept = shape.filter(
    (_, axis) =>
      !(rankLeft === 1 && axis === shape.length - 2) &&
      !(rankRight === 1 && axis === shape.length - 1),
  );
  return kept.length === shape.length ? product : b.reshape(product, { shape: kept });
}

/** Weights `[K, N]` make it a linear layer. Integers multiply as floats, exact up to 2^24. */
function multiply(site: Site, left: Node, right: Node): Node {
  const { b } = site;
  if (left.type.dtype === 'i32')
    return b.scalar('toI32', b.matmul(b.scalar('toF32', left), b.scalar('toF32', right)));
  if (right.kind !== 'constant' || right.type.shape.length !== 2) return b.matmul(left, right);
  const outputs = right.type.shape[1]!;
  return b.linear(left, b.transpose(right, { perm: [1, 0] }), site.zeros(outputs));
}

/** `alpha · A·B + beta · C`, either matrix transposed first. */
export function gemm(site: Site): Node {
  const { b, attributes } = site;
  const float = (node: Node) => (node.type.dtype === 'f32' ? node : b.scalar('toF32', node));
  const flip = (node: Node, when: boolean) => (when ? b.transpose(node, { perm: [1, 0] }) : node);
  const [left, right] = [site.input(0), site.input(1)];
  for (const { type } of [left, right])
    if (type.shape.length !== 2) throw site.bad(`Gemm of a rank ${type.shape.length} tensor`);
  const x = flip(float(left), attributes.int('transA', 0) !== 0);
  const w = flip(float(right), attributes.int('transB', 0) === 0);
  const outputs = w.type.shape[0]!;
  const [alpha, beta] = [attributes.float('alpha', 1), attributes.float('beta', 1)];
  const given = site.optional(2);
  const added = given && beta !== 0 ? float(given) : undefined;
  const back = (node: Node) => (left.type.dtype === 'f32' ? node : b.scalar('toI32', node));
  if (alpha === 1 && (added === undefined || isRow(added, outputs))) {
    if (added === undefined) return back(b.linear(x, w, site.zeros(outputs)));
    const scaled = beta === 1 ? added : b.scalar('mul', added, b.value(beta));
    const row = b.reshape(scaled, { shape: [scaled.type.shape.at(-1) ?? 1] });
    return back(b.linear(x, w, b.expand(row, { shape: [outputs] })));
  }
  const product = b.linear(x, w, site.zeros(outputs));
  const scaled = call('mul', literal(alpha), arg(0));
  if (added === undefined) return back(b.map([product], { expr: scaled }));
  const sum = call('add', scaled, call('mul', literal(beta), arg(1)));
  return back(b.map([product, added], { expr: sum }));
}

/** Whether it broadcasts along the rows only: `[N]`, `[1]`, `[1, N]` or a single number. */
const isRow = ({ type: { shape } }: Node, outputs: number): boolean =>
  shape.slice(0, -1).every((dim) => dim === 1) &&
  (shape.length === 0 || shape.at(-1) === 1 || shape.at(-1) === outputs);

/** Matrix products, by ONNX name. */
export const products: Importers = {
  Gemm: { import: gemm },
  MatMul: { import: (site) => product(site, site.input(0), site.input(1)) },
};
