// Positions as rotations of pairs of columns.

import { arg, call, type Node } from '@espalier/ir';
import type { Site } from '../importer.ts';
import { joinHeads, splitHeads } from './heads.ts';
import { sliceAxis } from './select.ts';

/** How pairs of columns are turned. */
export interface Rotation {
  /** Columns that are turned: the first so many of each head. */
  readonly size: number;
  /** Whether pairs are neighbours, or the halves of what is turned. */
  readonly interleaved: boolean;
}

/**
 * Turns pairs of columns of `[B, heads, rows, size]` by the angles whose cosines and sines are `[B or 1, 1, rows,
 * size / 2]` [Su 2021].
 */
export function rotate(site: Site, x: Node, cos: Node, sin: Node, rotation: Rotation): Node {
  const { b } = site;
  const { size, interleaved } = rotation;
  const width = x.type.shape[3]!;
  const turned = sliceAxis(site, x, 3, 0, size);
  const half = size / 2;
  const [even, odd] = interleaved
    ? [sliceAxis(site, turned, 3, 0, half, 2), sliceAxis(site, turned, 3, 1, half, 2)]
    : [sliceAxis(site, turned, 3, 0, half), sliceAxis(site, turned, 3, half, half)];
  const mix = (sign: 'add' | 'sub', one: Node, other: Node) =>
    b.map([even!, odd!, one, other], {
      expr: call(sign, call('mul', arg(0), arg(2)), call('mul', arg(1), arg(3))),
    });
  const parts = [mix('sub', cos, sin), mix('add', sin, cos)];
  const shape = turned.type.shape;
  const result = interleaved
    ? b.reshape(
        b.concat(
          parts.map((part) => b.reshape(part, { shape: [...part.type.shape, 1] })),
          { axis: 4 },
        ),
        { shape },
      )
    : b.concat(parts, { axis: 3 });
  if (size === width) return result;
  return b.concat([result, sliceAxis(site, x, 3, size, width - size)], { axis: 3 });
}

/**
 * Operands: x, cosines and sines (`[B, rows, n]`, or `[positions, n]` picked by `positions`); `order` says which
 * operand is which.
 */
export function rotaryEmbedding(
  site: Site,
  order: { readonly cos: number; readonly sin: number; readonly positions: number },
): Node {
  const { b, attributes } = site;
  const given = site.input(0);
  const flat = given.type.shape.length === 3;
  const [cos, sin] = [site.input(order.cos), site.input(order.sin)];
  const half = cos.type.shape.at(-1)!;
  const named = attributes.int('num_heads', 0);
  const width = given.type.shape.at(-1)!;
  const rotated = attributes.int('rotary_embedding_dim', 0);
  // Without a number of heads, the tables are as wide as half a head.
  const heads = flat ? named || width / (2 * half) : given.type.shape[1]!;
  if (!Number.isInteger(heads) || (flat && width % heads !== 0))
    throw site.bad(`${heads} heads of ${width} columns`);
  const x = flat ? splitHeads(site, given, heads) : given;
  const [batch, , rows, own] = x.type.shape as readonly [number, number, number, number];
  const size = rotated || own;
  if (size !== 2 * half || size > own) throw site.bad(`turns ${size} of ${own} columns`);
  const positions = site.optional(order.positions);
  const table = (node: Node): Node => {
    const picked = positions ? b.gather(node, placesOf(site, positions, rows), { axis: 0 }) : node;
    const groups = picked.type.shape.length === 3 ? picked.type.shape[0]! : 1;
    if (groups !== 1 && groups !== batch) throw site.bad('positions of another batch');
    return b.reshape(picked, { shape: [groups, 1, rows, half] });
  };
  const result = rotate(site, x, table(cos), table(sin), {
    size,
    interleaved: attributes.int('interleaved', 0) !== 0,
  });
  return flat ? joinHeads(site, result) : result;
}

/** Positions of each row, or the first one of rows that follow each other. */
function placesOf({ b }: Site, positions: Node, rows: number): Node {
  if (positions.type.shape.length === 2) return positions;
  const data = Int32Array.from({ length: rows }, (_, i) => i);
  const steps = b.constant({ type: { dtype: 'i32', shape: [1, rows] }, data });
  return b.scalar('add', b.reshape(positions, { shape: [1, 1] }), steps);
}
