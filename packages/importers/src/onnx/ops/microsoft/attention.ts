// Attention with its projections and masks, as ONNX Runtime's optimiser writes it.

import { arg, call, literal, type Node, parseScalar } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';
import { attend, causal } from '../attention.ts';
import { joinHeads, splitHeads } from '../heads.ts';
import { product } from '../products.ts';
import { rotaryEmbedding } from '../rotary.ts';
import { sliceAxis } from '../select.ts';

/** How many heads the call says. */
function headsOf(site: Site, ...widths: readonly number[]): number {
  const heads = site.attributes.int('num_heads');
  if (heads < 1 || widths.some((width) => width % heads !== 0))
    throw site.bad(`${heads} heads of ${widths.join(', ')} columns`);
  return heads;
}

const scaleOf = (site: Site, size: number): number =>
  site.attributes.float('scale', 0) || 1 / Math.sqrt(size);

/**
 * A mask of keys as a bias of the scores: lengths `[B]`, or zeros and ones `[B, keys]`, `[B, rows, keys]` or
 * `[B, 1, rows, keys]`.
 */
function maskBias(site: Site, mask: Node, batch: number, keys: number): Node {
  const { b } = site;
  const { shape } = mask.type;
  const value = literal(site.attributes.float('mask_filter_value', -10000));
  const hide = (seen: Node) => b.map([seen], { expr: call('select', arg(0), literal(0), value) });
  if (shape.length === 1 && shape[0] === batch) {
    const data = Int32Array.from({ length: keys }, (_, i) => i);
    const places = b.constant({ type: { dtype: 'i32', shape: [1, 1, 1, keys] }, data });
    return hide(b.scalar('lt', places, b.reshape(mask, { shape: [batch, 1, 1, 1] })));
  }
  if (shape.length === 1) throw site.unsupported(`a mask [${shape.join(', ')}]`);
  const wide = {
    2: [shape[0]!, 1, 1, shape[1]!],
    3: [shape[0]!, 1, shape[1]!, shape[2]!],
    4: [...shape],
  }[shape.length];
  if (wide === undefined || shape.at(-1) !== keys)
    throw site.unsupported(`a mask [${shape.join(', ')}]`);
  return hide(b.scalar('ne', b.reshape(mask, { shape: wide }), b.value(0, mask.type.dtype)));
}

/** Everything that is added to the scores. */
function biasOf(
  site: Site,
  { rows, keys, past, batch }: Readonly<Record<'rows' | 'keys' | 'past' | 'batch', number>>,
  mask: Node | undefined,
  added: Node | undefined,
): Node | undefined {
  const { b } = site;
  const terms = [
    mask && maskBias(site, mask, batch, keys),
    site.attributes.int('unidirectional', 0) !== 0 ? causal(site, rows, keys, past) : undefined,
    added,
  ].flatMap((node) => node ?? []);
  return terms.length > 0 ? terms.reduce((sum, node) => b.scalar('add', sum, node)) : undefined;
}

/** x `[B, S, D]`, weights `[D, q + k + v]`; the past is `[2, B, heads, P, size]`. */
function attention(site: Site): readonly (Node | undefined)[] {
  const { b } = site;
  const x = site.input(0);
  const [batch, rows] = x.type.shape as readonly [number, number];
  const projected = product(site, x, site.input(1));
  const bias = site.optional(2);
  const all = bias ? b.scalar('add', projected, bias) : projected;
  const width = all.type.shape[2]!;
  const sizes = site.attributes.ints('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  if (sizes.length !== 3 || sizes[0]! + sizes[1]! + sizes[2]! !== width)
    throw site.bad(`${sizes.join(' + ')} columns of ${width}`);
  const heads = headsOf(site, ...sizes);
  let start = 0;
  const [q, fresh, values] = sizes.map((size) => {
    start += size;
    return splitHeads(site, sliceAxis(site, all, 2, start - size, size), heads);
  }) as [Node, Node, Node];
  const past = site.optional(4);
  const before = past?.type.shape[3] ?? 0;
  const part = (i: number) => {
    const own = sliceAxis(site, past!, 0, i, 1);
    return b.reshape(own, { shape: past!.type.shape.slice(1) });
  };
  const k = past ? b.concat([part(0), fresh], { axis: 2 }) : fresh;
  const v = past ? b.concat([part(1), values], { axis: 2 }) : values;
  const extents = { rows, keys: k.type.shape[2]!, past: before, batch };
  const { y } = attend(
    site,
    { q, k, v },
    {
      scale: scaleOf(site, sizes[0]! / heads),
      bias: biasOf(site, extents, site.optional(3), site.optional(5)),
    },
  );
  const present = site.wants(1)
    ? b.concat(
        [k, v].map((node) => b.reshape(node, { shape: [1, ...node.type.shape] })),
        { axis: 0 },
      )
    : undefined;
  return [joinHeads(site, y), present];
}

/** Queries `[B, S, D]` with keys and values `[B, L, D]` or `[B, heads, L, size]`. */
function multiHeadAttention(site: Site): readonly (Node | undefined)[] {
  const { b } = site;
  const query = site.input(0);
  const [key, value] = [site.optional(1), site.optional(2)];
  if (query.type.shape.length !== 3 || !key || !value)
    throw site.unsupported('queries, keys and values in one tensor');
  const [batch, rows, width] = query.type.shape as readonly [number, number, number];
  const heads = headsOf(site, width);
  const bias = site.optional(3);
  let start = 0;
  const side = (x: Node): Node => {
    if (x.type.shape.length === 4) return x;
    if (x.type.shape.length !== 3)
      throw site.unsupported(`operands of rank ${x.type.shape.length}`);
    const own = x.type.shape[2]!;
    const part = bias && sliceAxis(site, bias, 0, start, own);
    start += own;
    return splitHeads(site, part ? b.scalar('add', x, part) : x, heads);
  };
  const [q, fresh, values] = [side(query), side(key), side(value)];
  const [pastKeys, pastValues] = [site.optional(6), site.optional(7)];
  const k = pastKeys ? b.concat([pastKeys, fresh], { axis: 2 }) : fresh;
  const v = pastValues ? b.concat([pastValues, values], { axis: 2 }) : values;
  const past = pastKeys?.type.shape[2] ?? 0;
  const extents = { rows, keys: k.type.shape[2]!, past, batch };
  const { y } = attend(
    site,
    { q, k, v },
    {
      scale: scaleOf(site, width / heads),
      bias: biasOf(site, extents, site.optional(4), site.optional(5)),
    },
  );
  return [joinHeads(site, y), k, v];
}

/** Attention and positions, by name. */
export const attentions: Importers = {
  Attention: { import: attention },
  MultiHeadAttention: { import: multiHeadAttention },
  RotaryEmbedding: {
    import: (site) => {
      const scale = site.attributes.float('scale', 1);
      const y = rotaryEmbedding(site, { cos: 2, sin: 3, positions: 1 });
      return scale === 1 ? y : site.b.map([y], { expr: parseScalar(`a0 * ${scale}`) });
    },
  },
};
