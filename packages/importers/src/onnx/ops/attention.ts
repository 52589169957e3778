// Attention, and positions as rotations.

import { arg, call, literal, type Node, type Scalar } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

/** What attention is computed from: `[B, heads, rows, size]` each. */
export interface Heads {
  readonly q: Node;
  readonly k: Node;
  readonly v: Node;
}

/** How scores become weights. */
export interface Scoring {
  readonly scale: number;
  /** Above 0, scores are bent to stay between this and its negative. */
  readonly softcap?: number;
  /** Added to the scores before they are bent: `[…, rows, columns]`, f32. */
  readonly bias?: Node | undefined;
}

/** Results of attention: rows of the values, and scores at each stage. */
export interface Attended {
  readonly y: Node;
  readonly raw: Node;
  readonly biased: Node;
  readonly capped: Node;
  readonly weights: Node;
}

const swapLast = ({ b }: Pick<Site, 'b'>, x: Node): Node => {
  const perm = x.type.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return b.transpose(x, { perm });
};

/** `softmax(scale · q·kᵀ + bias) · v` [Vaswani 2017]. */
export function attend(site: Pick<Site, 'b'>, { q, k, v }: Heads, scoring: Scoring): Attended {
  const { b } = site;
  const { scale, softcap = 0, bias } = scoring;
  const products = b.matmul(q, swapLast(site, k));
  const raw = b.map([products], { expr: call('mul', arg(0), literal(scale)) });
  const biased = bias === undefined ? raw : b.scalar('add', raw, bias);
  const bent: Scalar = call(
    'mul',
    literal(softcap),
    call('tanh', call('div', arg(0), literal(softcap))),
  );
  const capped = softcap > 0 ? b.map([biased], { expr: bent }) : biased;
  const weights = b.softmax(capped, { axis: capped.type.shape.length - 1 });
  return { y: b.matmul(weights, v), raw, biased, capped, weights };
}

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

/** Each head `times` times in a row: several heads of queries share one of keys and values. */
export function repeatHeads({ b }: Pick<Site, 'b'>, x: Node, times: number): Node {
  if (times === 1) return x;
  const [batch, heads, rows, size] = x.type.shape as readonly [number, number, number, number];
  const wide = b.reshape(x, { shape: [batch, heads, 1, rows, size] });
  const repeated = b.expand(wide, { shape: [batch, heads, times, rows, size] });
  return b.reshape(repeated, { shape: [batch, heads * times, rows, size] });
}

/** 0 where a condition holds, −∞ elsewhere: what hides a score. */
export const hidden = ({ b }: Pick<Site, 'b'>, seen: Node): Node =>
  b.map([seen], {
    expr: call('select', arg(0), literal(0), literal(Number.NEGATIVE_INFINITY)),
  });

/** What each row may see of the columns up to its own, of which `past` lie before row 0. */
export function causal({ b }: Pick<Site, 'b'>, rows: number, columns: number, past: number): Node {
  const along = (extent: number, shape: readonly number[], from: number) => {
    const data = Int32Array.from({ length: extent }, (_, i) => i + from);
    return b.constant({ type: { dtype: 'i32', shape }, data });
  };
  const seen = b.scalar('le', along(columns, [1, columns], 0), along(rows, [rows, 1], past));
  return hidden({ b }, seen);
}

function attention(site: Site): readonly (Node | undefined)[] {
  const { b, attributes } = site;
  const given = [0, 1, 2].map((i) => site.input(i)) as [Node, Node, Node];
  const flat = given[0].type.shape.length === 3;
  const counts = ['q_num_heads', 'kv_num_heads', 'kv_num_heads'];
  const [q, fresh, freshValues] = given.map((x, i) => {
    const rank = x.type.shape.length;
    if (rank !== (flat ? 3 : 4)) throw site.bad(`operand ${i} has rank ${rank}`);
    if (!flat) return x;
    const heads = attributes.int(counts[i]!);
    if (heads < 1 || x.type.shape[2]! % heads !== 0)
      throw site.bad(`${heads} heads of ${x.type.shape[2]} columns`);
    return splitHeads(site, x, heads);
  }) as [Node, Node, Node];
  const [pastKeys, pastValues] = [site.optional(4), site.optional(5)];
  const past = pastKeys?.type.shape[2] ?? 0;
  const k = pastKeys ? b.concat([pastKeys, fresh], { axis: 2 }) : fresh;
  const v = pastValues ? b.concat([pastValues, freshValues], { axis: 2 }) : freshValues;
  const [, heads, rows, size] = q.type.shape as readonly [number, number, number, number];
  const [, shared, columns] = k.type.shape as readonly [number, number, number];
  if (shared < 1 || heads % shared !== 0) throw site.bad(`${heads} heads share ${shared}`);
  const biases = [
    maskOf(site, columns),
    attributes.int('is_causal', 0) !== 0 ? causal(site, rows, columns, past) : undefined,
    lengthsOf(site, columns),
  ].flatMap((node) => node ?? []);
  const bias =
    biases.length > 0 ? biases.reduce((sum, node) => b.scalar('add', sum, node)) : undefined;
  const times = heads / shared;
  const result = attend(
    site,
    { q, k: repeatHeads(site, k, times), v: repeatHeads(site, v, times) },
    {
      scale: attributes.float('scale', 1 / Math.sqrt(size)),
      softcap: attributes.float('softcap', 0),
      bias,
    },
  );
  const stages = [result.raw, result.biased, result.capped, result.weights];
  const stage = attributes.int('qk_matmul_output_mode', 0);
  if (stages[stage] === undefined) throw site.bad(`qk_matmul_output_mode ${stage}`);
  return [flat ? joinHeads(site, result.y) : result.y, k, v, stages[stage]];
}

/** The mask as a bias; columns that it does not reach are hidden. */
function maskOf(site: Site, columns: number): Node | undefined {
  const { b } = site;
  const mask = site.optional(3);
  if (mask === undefined) return undefined;
  const bias = mask.type.dtype === 'bool' ? hidden(site, mask) : mask;
  const missing = columns - (bias.type.shape.at(-1) ?? 1);
  if (missing <= 0 || bias.type.shape.at(-1) === 1) return bias;
  const none = bias.type.shape.map(() => 0);
  return b.pad(bias, {
    before: none,
    after: [...none.slice(1), missing],
    value: Number.NEGATIVE_INFINITY,
  });
}

/** Hides the columns behind the given length of each sequence. */
function lengthsOf(site: Site, columns: number): Node | undefined {
  const { b } = site;
  const lengths = site.optional(6);
  if (lengths === undefined) return undefined;
  const data = Int32Array.from({ length: columns }, (_, i) => i);
  const places = b.constant({ type: { dtype: 'i32', shape: [columns] }, data });
  const wide = b.reshape(lengths, { shape: [lengths.type.shape[0]!, 1, 1, 1] });
  return hidden(site, b.scalar('lt', places, wide));
}

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

/** Attention and its positions, by ONNX name. */
export const attentions: Importers = {
  Attention: { import: attention },
  RotaryEmbedding: {
    import: (site) => rotaryEmbedding(site, { cos: 1, sin: 2, positions: 3 }),
  },
};
