// Attention: products of queries and keys, a softmax, and products with the values; masks, heads and caches around them.

import { arg, call, literal, type Node, type Scalar } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { joinHeads, splitHeads } from './heads.ts';
import { rotaryEmbedding } from './rotary.ts';

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

/** Attention and its positions, by ONNX name. */
export const attentions: Importers = {
  Attention: { import: attention },
  RotaryEmbedding: {
    import: (site) => rotaryEmbedding(site, { cos: 1, sin: 2, positions: 3 }),
  },
};
