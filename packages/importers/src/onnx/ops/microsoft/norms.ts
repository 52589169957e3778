// Normalisations of sums, and of embeddings, as ONNX Runtime's optimiser writes them.

import { arg, call, elementCount, type Node } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';
import { rmsNormOf } from '../normalizations.ts';

const sumOf = ({ b }: Site, ...terms: readonly (Node | undefined)[]): Node =>
  terms.flatMap((node) => node ?? []).reduce((sum, node) => b.scalar('add', sum, node));

/** Layer norm over the last axis. */
function normalized(site: Site, x: Node, scale: Node, bias: Node | undefined): Node {
  const axis = x.type.shape.length - 1;
  const epsilon = site.attributes.float('epsilon', 1e-12);
  const shift = bias ?? site.zeros(x.type.shape[axis]!);
  return site.b.layerNorm(x, scale, shift, { axis, epsilon });
}

/** Mean and inverse deviation have no importer: only training reads them. */
const withSum = (site: Site, y: Node, sum: Node): (Node | undefined)[] => {
  if (site.wants(1) || site.wants(2)) throw site.unsupported('the statistics as results');
  return [y, undefined, undefined, sum];
};

function skipLayerNorm(site: Site) {
  const sum = sumOf(site, site.input(0), site.input(1), site.optional(4));
  return withSum(site, normalized(site, sum, site.input(2), site.optional(3)), sum);
}

function skipRmsNorm(site: Site) {
  const sum = sumOf(site, site.input(0), site.input(1), site.optional(3));
  const y = rmsNormOf(site, sum, site.input(2), site.attributes.float('epsilon', 1e-12));
  return withSum(site, y, sum);
}

/** Words, positions and segments, each picked from its table. */
function embedLayerNorm(site: Site): readonly (Node | undefined)[] {
  const { b } = site;
  const words = site.input(0);
  const [batch, rows] = words.type.shape as readonly [number, number];
  const places = Int32Array.from({ length: rows }, (_, i) => i);
  const positions =
    site.optional(8) ?? b.constant({ type: { dtype: 'i32', shape: [1, rows] }, data: places });
  const pick = (table: number, indices: Node) => b.gather(site.input(table), indices, { axis: 0 });
  const segments = site.optional(1);
  const sum = sumOf(site, pick(2, words), pick(3, positions), segments && pick(4, segments));
  const mask = site.optional(7);
  const lengths = mask
    ? b.reduce(mask, { kind: 'sum', axes: [1], keepDims: false })
    : b.expand(b.value(0, 'i32'), { shape: [batch] });
  return [normalized(site, sum, site.input(5), site.input(6)), lengths, sum];
}

/** Groups of channels of `[N, H, W, C]`, or of `[N, C, H, W]`; then x · sigmoid(x) if asked for. */
function groupNorm(site: Site): Node {
  const { b, attributes } = site;
  const last = attributes.int('channels_last', 1) !== 0;
  const given = site.input(0);
  if (given.type.shape.length !== 4) throw site.bad(`a rank ${given.type.shape.length} tensor`);
  const x = last ? b.transpose(given, { perm: [0, 3, 1, 2] }) : given;
  const [n, c] = x.type.shape as readonly [number, number];
  const groups = attributes.int('groups');
  if (groups < 1 || c % groups !== 0) throw site.bad(`${groups} groups of ${c} channels`);
  const grouped = b.reshape(x, {
    shape: [n, groups, 1, elementCount(x.type.shape) / (n * groups)],
  });
  const ones = b.expand(b.value(1), { shape: [groups] });
  const unit = b.instanceNorm(grouped, ones, site.zeros(groups), {
    epsilon: attributes.float('epsilon', 1e-5),
  });
  const wide = (i: number) => b.reshape(site.input(i), { shape: [c, 1, 1] });
  const affine = call('add', call('mul', arg(0), arg(1)), arg(2));
  const y = b.map([b.reshape(unit, { shape: x.type.shape }), wide(1), wide(2)], { expr: affine });
  const silu = call('mul', arg(0), call('sigmoid', arg(0)));
  const active = attributes.int('activation', 0) !== 0 ? b.map([y], { expr: silu }) : y;
  return last ? b.transpose(active, { perm: [0, 2, 3, 1] }) : active;
}

/** Normalisations, by name. */
export const norms: Importers = {
  BiasAdd: {
    import: (site) => sumOf(site, site.input(0), site.input(1), site.input(2)),
  },
  EmbedLayerNormalization: { import: embedLayerNorm },
  GroupNorm: { import: groupNorm },
  SkipLayerNormalization: { import: skipLayerNorm },
  SkipSimplifiedLayerNormalization: { import: skipRmsNorm },
};

/** Root of the mean square, as ONNX Runtime wrote it before ONNX had it. */
export const simplified: Importers = {
  SimplifiedLayerNormalization: {
    since: 1,
    import: (site) =>
      rmsNormOf(
        site,
        site.input(0),
        site.input(1),
        site.attributes.float('epsilon', 1e-5),
        site.attributes.int('axis', -1),
      ),
  },
};
