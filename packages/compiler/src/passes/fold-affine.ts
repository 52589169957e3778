// A scale and a shift of each channel belong into the weights of the layer before: inference batch
// norm, and every other multiplication or addition by constants.

import {
  type AttrsOf,
  type Builder,
  type Match,
  type Node,
  type OpName,
  p,
  parseScalar,
  type Rule,
  rule,
  showScalar,
  type Tensor,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

/** Layers whose weights are constants, and the axis of the weights that makes the output's channels. */
const layers = [
  { op: 'conv', channelAxis: 1 },
  { op: 'convTranspose', channelAxis: 1 },
  { op: 'linear', channelAxis: -1 },
] as const;

/** One value a channel out of an operand that broadcasts over all other axes of the result. */
function perChannel(value: Tensor, rank: number, axis: number, channels: number) {
  const channelAxis = axis < 0 ? rank + axis : axis;
  const lead = rank - value.type.shape.length;
  const fits = value.type.shape.every(
    (extent, own) => extent === 1 || (own + lead === channelAxis && extent === channels),
  );
  if (!fits) return undefined;
  const { data } = value;
  return Float32Array.from({ length: channels }, (_, i) => data[data.length === 1 ? 0 : i]!);
}

/** Weights with the rows of each output channel multiplied. */
function scaleWeights(op: OpName, weights: Tensor, factors: Float32Array, groups: number): Tensor {
  const { shape } = weights.type;
  const data = Float32Array.from(weights.data);
  const channels = factors.length;
  if (op !== 'convTranspose') {
    const row = data.length / channels;
    for (let i = 0; i < data.length; i++) data[i]! *= factors[Math.floor(i / row)]!;
    return { type: weights.type, data };
  }
  // [C, O/groups, R, S]: the group of an input channel says which outputs its weights make.
  const perGroup = channels / groups;
  const taps = shape[2]! * shape[3]!;
  const inGroup = shape[0]! / groups;
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / (perGroup * taps));
    const out = Math.floor(i / taps) % perGroup;
    data[i]! *= factors[Math.floor(channel / inGroup) * perGroup + out]!;
  }
  return { type: weights.type, data };
}

/** The layer with `factor · y + offset` folded into weights and bias. */
function folded(
  m: Match,
  b: Builder,
  { op, channelAxis }: (typeof layers)[number],
  factor: Tensor | undefined,
  offset: Tensor | undefined,
): Node | undefined {
  const [weights, bias] = m.tensors('w', 'bias');
  const channels = bias.data.length;
  const rank = m.root.type.shape.length;
  if (rank !== m.op(op).type.shape.length) return undefined;
  const factors = factor && perChannel(factor, rank, channelAxis, channels);
  const offsets = offset && perChannel(offset, rank, channelAxis, channels);
  if ((factor && !factors) || (offset && !offsets)) return undefined;
  const attrs = m.op(op).attrs;
  const groups = op === 'linear' ? 1 : (attrs as AttrsOf<'conv'>).groups;
  const w = factors ? scaleWeights(op, weights, factors, groups) : weights;
  const shifted = Float32Array.from(
    bias.data,
    (value, i) => value * (factors?.[i] ?? 1) + (offsets?.[i] ?? 0),
  );
  const inputs = [
    m.node('x'),
    b.constant(w, m.node('w').name),
    b.constant({ type: bias.type, data: shifted }, m.node('bias').name),
  ];
  return b.apply(op, inputs, attrs);
}

const layerPattern = (op: (typeof layers)[number]['op']) =>
  p.once(p[op](p.any('x'), p.constant('w'), p.constant('bias')));

const affine = showScalar(parseScalar('a0 * a1 + a2'));

const rules: readonly Rule[] = layers.flatMap((layer) => [
  rule(
    `map(${layer.op}, s, t): s · y + t -> ${layer.op}`,
    p.map([layerPattern(layer.op), p.constant('s'), p.constant('t')]),
    (m, b) => {
      if (showScalar(m.attrs('map').expr) !== affine) return undefined;
      const [s, t] = m.tensors('s', 't');
      return folded(m, b, layer, s, t);
    },
  ),
  rule(
    `mul(${layer.op}, s) -> ${layer.op}`,
    p.scalar('mul', layerPattern(layer.op), p.constant('s')),
    (m, b) => folded(m, b, layer, m.tensors('s')[0], undefined),
  ),
  rule(
    `add(${layer.op}, t) -> ${layer.op}`,
    p.scalar('add', layerPattern(layer.op), p.constant('t')),
    (m, b) => folded(m, b, layer, undefined, m.tensors('t')[0]),
  ),
]);

export const foldAffine = definePass({
  name: 'fold-affine',
  summary: 'Folds batch norm, and scales and shifts of channels, into the layer before them.',
  rules,
});
