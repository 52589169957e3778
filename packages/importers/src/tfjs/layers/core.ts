// Layers that multiply, normalise, activate and embed.

import { parseScalar } from '@espalier/ir';
import { resolveAxes, resolveAxis } from '../../tensorflow/room.ts';
import { leakyRelu, unaryScalars } from '../../tensorflow/scalars.ts';
import { asWhole, field, isList } from '../json.ts';
import {
  activated,
  type CustomLayer,
  type CustomLayers,
  flagOf,
  type LayerSite,
  numberOf,
  wordOf,
} from './layer.ts';

const dense: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const kernel = site.weight('kernel');
  const line = x.type.shape.length === 1 ? b.reshape(x, { shape: [1, x.type.shape[0]!] }) : x;
  const product = b.matmul(line, kernel);
  const y = flagOf(site, 'use_bias', true)
    ? b.scalar('add', product, site.weight('bias'))
    : product;
  return activated(site, y, wordOf(site, 'activation', 'linear'));
};

/** The axis that a normalisation keeps apart. */
function axisOf(site: LayerSite): number {
  const given = field(site.config, 'axis') ?? -1;
  const axis = isList(given) ? (given.length === 1 ? given[0] : undefined) : given;
  if (typeof axis !== 'number') throw site.unsupported(`axis ${JSON.stringify(given)}`);
  return resolveAxis(site, axis, site.input(0).type.shape.length);
}

const batchNorm: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const axis = axisOf(site);
  const rank = x.type.shape.length;
  const variance = site.weight('moving_variance');
  const count = variance.type.shape[0] ?? 1;
  const or = (name: string, flag: string, value: number) =>
    flagOf(site, flag, true) ? site.weight(name) : b.expand(b.value(value), { shape: [count] });
  const order = x.type.shape.map((_, i) => i);
  const perm = [0, axis, ...order.filter((i) => i !== 0 && i !== axis)];
  if (rank < 2 || axis === 0) throw site.unsupported(`batch norm along axis ${axis}`);
  const y = b.batchNorm(
    [
      b.transpose(x, { perm }),
      or('gamma', 'scale', 1),
      or('beta', 'center', 0),
      site.weight('moving_mean'),
      variance,
    ],
    { epsilon: numberOf(site, 'epsilon', 1e-3) },
  );
  return b.transpose(y, { perm: order.map((i) => perm.indexOf(i)) });
};

/** Over the axes that it is given; they come last while it is done. */
const layerNorm: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const given = field(site.config, 'axis') ?? -1;
  const listed = (isList(given) ? given : [given]).map((axis) => asWhole(axis, 'axis', site.at));
  const axes = resolveAxes(site, listed, shape.length);
  const order = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const perm = [...order, ...axes];
  const count = axes.reduce((n, axis) => n * shape[axis]!, 1);
  const moved = b.transpose(x, { perm });
  const flat = b.reshape(moved, { shape: [...order.map((axis) => shape[axis]!), count] });
  const or = (name: string, flag: string, value: number) =>
    flagOf(site, flag, true)
      ? b.reshape(site.weight(name), { shape: [count] })
      : b.expand(b.value(value), { shape: [count] });
  const y = b.layerNorm(flat, or('gamma', 'scale', 1), or('beta', 'center', 0), {
    axis: order.length,
    epsilon: numberOf(site, 'epsilon', 1e-3),
  });
  return b.transpose(b.reshape(y, { shape: moved.type.shape }), {
    perm: [...shape.keys()].map((axis) => perm.indexOf(axis)),
  });
};

/** Clipped above, bent below. */
const relu: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const most = field(site.config, 'max_value');
  const slope = numberOf(site, 'negative_slope', 0);
  const threshold = numberOf(site, 'threshold', 0);
  const bent = b.map([x, b.value(threshold), b.value(slope)], {
    expr: parseScalar('select(ge(a0, a1), a0, a2 * (a0 - a1))'),
  });
  const y = slope === 0 && threshold === 0 ? b.scalar('relu', x) : bent;
  return typeof most === 'number' ? b.scalar('min', y, b.value(most)) : y;
};

const prelu: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const negative = b.scalar('mul', site.weight('alpha'), x);
  return b.scalar('select', b.scalar('ge', x, b.value(0)), x, negative);
};

const elu: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const below = b.map([x], { expr: unaryScalars.get('Expm1')! });
  const scaled = b.scalar('mul', below, b.value(numberOf(site, 'alpha', 1)));
  return b.scalar('select', b.scalar('ge', x, b.value(0)), x, scaled);
};

const embedding: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const indices = x.type.dtype === 'i32' ? x : b.scalar('toI32', x);
  const y = b.gather(site.weight('embeddings'), indices, { axis: 0 });
  if (flagOf(site, 'mask_zero', false))
    site.setMask(y, b.scalar('ne', x, b.value(0, x.type.dtype)));
  return y;
};

/** Steps of which every element is the mask's value count for nothing. */
const masking: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const other = b.scalar('ne', x, b.value(numberOf(site, 'mask_value', 0)));
  const some = { kind: 'max', axes: [x.type.shape.length - 1], keepDims: true } as const;
  const on = b.scalar('toBool', b.reduce(b.scalar('toI32', other), some));
  const y = b.scalar('mul', x, b.scalar('toF32', on));
  if (x.type.shape.length === 3)
    site.setMask(y, b.reshape(on, { shape: x.type.shape.slice(0, 2) }));
  return y;
};

const same: CustomLayer = (site) => site.input(0);

/** Mean and variance from training, of each channel or of all. */
const normalization: CustomLayer = (site) => {
  const { b } = site;
  const deviation = b.scalar('sqrt', site.weight('variance'));
  return b.scalar('div', b.scalar('sub', site.input(0), site.weight('mean')), deviation);
};

/** Which numbers below a bound a row holds, or how often. */
const categories: CustomLayer = (site) => {
  const { b } = site;
  const x = site.input(0);
  const mode = wordOf(site, 'output_mode', 'multi_hot').replaceAll('_', '').toLowerCase();
  const indices = x.type.dtype === 'i32' ? x : b.scalar('toI32', x);
  if (mode === 'int') return indices;
  const depth = numberOf(site, 'num_tokens', 0);
  const [n, count] = x.type.shape;
  if (x.type.shape.length !== 2 || !(depth >= 1) || (mode === 'onehot' && count !== 1))
    throw site.unsupported(`output_mode ${mode} of ${depth} over [${x.type.shape}]`);
  if (mode !== 'multihot' && mode !== 'onehot' && mode !== 'count')
    throw site.unsupported(`output_mode ${mode}`);
  site.claim(n! * count! * depth, 'categories');
  const hot = b.scalar('toF32', b.oneHot(indices, { depth, axis: 2 }));
  return b.reduce(hot, { kind: mode === 'count' ? 'sum' : 'max', axes: [1], keepDims: false });
};

/** Layers by class. */
export const core: CustomLayers = {
  Activation: (site) => activated(site, site.input(0), wordOf(site, 'activation', 'linear')),
  ActivityRegularization: same,
  AlphaDropout: same,
  BatchNormalization: batchNorm,
  CategoryEncoding: categories,
  Dense: dense,
  Dropout: same,
  ELU: elu,
  Embedding: embedding,
  GaussianDropout: same,
  GaussianNoise: same,
  LayerNormalization: layerNorm,
  LeakyReLU: (site) => {
    const fallback = numberOf(site, 'negative_slope', 0.3);
    return site.b.map([site.input(0)], { expr: leakyRelu(numberOf(site, 'alpha', fallback)) });
  },
  Masking: masking,
  Normalization: normalization,
  PReLU: prelu,
  // Pictures are changed at random in training only.
  RandomBrightness: same,
  RandomContrast: same,
  RandomFlip: same,
  RandomHeight: same,
  RandomRotation: same,
  RandomTranslation: same,
  RandomWidth: same,
  RandomZoom: same,
  ReLU: relu,
  RepeatVector: (site) => {
    const x = site.input(0);
    const [n, c] = x.type.shape;
    const count = numberOf(site, 'n', 1);
    if (n === undefined || c === undefined || !Number.isInteger(count) || count < 0)
      throw site.bad(`repeats [${x.type.shape.join(', ')}] ${count} times`);
    return site.b.expand(site.b.reshape(x, { shape: [n, 1, c] }), { shape: [n, count, c] });
  },
  Rescaling: (site) => {
    const scaled = site.b.scalar('mul', site.input(0), site.b.value(numberOf(site, 'scale', 1)));
    return site.b.scalar('add', scaled, site.b.value(numberOf(site, 'offset', 0)));
  },
  Softmax: (site) => site.b.softmax(site.input(0), { axis: axisOf(site) }),
  SpatialDropout1D: same,
  SpatialDropout2D: same,
  ThresholdedReLU: (site) =>
    site.b.map([site.input(0), site.b.value(numberOf(site, 'theta', 1))], {
      expr: parseScalar('select(gt(a0, a1), a0, 0)'),
    }),
};
