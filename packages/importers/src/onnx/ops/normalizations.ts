// Normalisations over the batch, channels, groups or trailing axes.

import { arg, call, elementCount, literal, type Node, type Shape } from '@espalier/ir';
import { type Importers, resolveAxes, resolveAxis, type Site } from '../importer.ts';
import { reshaped } from '../reshaped.ts';
import { still } from '../windows.ts';

/** A tensor `[C]` as one that broadcasts along axis 1 of a rank `rank` tensor. */
const alongChannels = ({ b }: Site, x: Node, rank: number): Node =>
  reshaped(b, x, [elementCount(x.type.shape), ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

/** `(x − mean) / √(variance + ε) · scale + bias`, all operands broadcast. */
function affine(
  { b }: Site,
  x: Node,
  [scale, bias, mean, variance]: readonly [Node, Node, Node, Node],
  epsilon: number,
): Node {
  const root = call('sqrt', call('add', arg(4), literal(epsilon)));
  const scaled = call('mul', call('div', call('sub', arg(0), arg(3)), root), arg(1));
  return b.map([x, scale, bias, mean, variance], { expr: call('add', scaled, arg(2)) });
}

/** Mean and variance over some axes, in two passes, with the axes kept. */
function moments({ b }: Site, x: Node, axes: readonly number[]): { mean: Node; variance: Node } {
  const mean = b.mean(x, { axes, keepDims: true });
  const centred = b.scalar('sub', x, mean);
  return { mean, variance: b.mean(b.scalar('mul', centred, centred), { axes, keepDims: true }) };
}

function batchNorm(site: Site): Node | readonly (Node | undefined)[] {
  const { b, attributes, opset } = site;
  const x = site.input(0);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => site.input(i)) as [
    Node,
    Node,
    Node,
    Node,
  ]; // four were asked for
  const epsilon = attributes.float('epsilon', 1e-5);
  const rank = x.type.shape.length;
  const outputs = Array.from({ length: site.outputCount }, (_, i) => site.wants(i));
  const trains =
    opset >= 14 ? attributes.int('training_mode', 0) !== 0 : outputs.slice(1).includes(true);
  if (opset < 9 && attributes.int('spatial', 1) === 0) {
    if (trains) throw site.unsupported('BatchNormalization trained per activation');
    return affine(site, x, [scale, bias, mean, variance], epsilon);
  }
  if (!trains) return b.batchNorm([x, scale, bias, mean, variance], { epsilon });
  const now = moments(site, x, x.type.shape.map((_, axis) => axis).toSpliced(1, 1));
  const wide = [scale, bias].map((node) => alongChannels(site, node, rank)) as [Node, Node];
  const y = affine(site, x, [...wide, now.mean, now.variance], epsilon);
  const momentum = literal(attributes.float('momentum', 0.9));
  const blend = call(
    'add',
    call('mul', arg(0), momentum),
    call('mul', arg(1), call('sub', literal(1), momentum)),
  );
  const flat = [now.mean, now.variance].map((node) => reshaped(b, node, mean.type.shape));
  const running = [mean, variance].map((old, i) => b.map([old, flat[i]!], { expr: blend }));
  return [y, ...running, ...(opset < 14 ? flat : [])].slice(0, Math.max(1, site.outputCount));
}

function instanceNorm(site: Site): Node {
  const epsilon = site.attributes.float('epsilon', 1e-5);
  return perInstance(site, site.input(0), site.input(1), site.input(2), epsilon);
}

/** Normalises each of `[N, C]` over all other axes. */
function perInstance(site: Site, x: Node, scale: Node, bias: Node, epsilon: number): Node {
  const { b } = site;
  const { shape } = x.type;
  if (shape.length < 3) throw site.bad(`normalises a rank ${shape.length} tensor`);
  if (shape.length === 4) return b.instanceNorm(x, scale, bias, { epsilon });
  const image = reshaped(b, x, [shape[0]!, shape[1]!, 1, elementCount(shape.slice(2))]);
  return reshaped(b, b.instanceNorm(image, scale, bias, { epsilon }), shape);
}

/** A group is normalised as one channel; the affine part follows. */
function groupNorm(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const groups = site.attributes.int('num_groups');
  const channels = shape[1];
  if (channels === undefined || groups < 1 || channels % groups !== 0)
    throw site.bad(`${groups} groups of ${channels ?? 'no'} channels`);
  const rest = (channels / groups) * elementCount(shape.slice(2));
  const grouped = reshaped(b, x, [shape[0]!, groups, 1, rest]);
  const ones = b.expand(b.value(1), { shape: [groups] });
  const epsilon = site.attributes.float('epsilon', 1e-5);
  const unit = perInstance(site, grouped, ones, site.zeros(groups), epsilon);
  const affineOf = (node: Node) => {
    // One number a group, until version 21 made it one a channel.
    if (elementCount(node.type.shape) === channels) return alongChannels(site, node, shape.length);
    const spread = b.expand(reshaped(b, node, [groups, 1]), { shape: [groups, channels / groups] });
    return alongChannels(site, b.reshape(spread, { shape: [channels] }), shape.length);
  };
  return b.map([b.reshape(unit, { shape }), affineOf(site.input(1)), affineOf(site.input(2))], {
    expr: call('add', call('mul', arg(0), arg(1)), arg(2)),
  });
}

function layerNorm(site: Site): readonly (Node | undefined)[] {
  const { b } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const axis = resolveAxis(site, site.attributes.int('axis', -1), shape.length);
  const epsilon = site.attributes.float('epsilon', 1e-5);
  const inner = shape.slice(axis);
  const scale = fill(site, site.input(1), inner);
  const given = site.optional(2);
  const bias = given ? fill(site, given, inner) : b.expand(b.value(0), { shape: inner });
  const y = b.layerNorm(x, scale, bias, { axis, epsilon });
  if (!site.wants(1) && !site.wants(2)) return [y];
  const axes = shape.map((_, i) => i).slice(axis);
  const { mean, variance } = moments(site, x, axes);
  const inverse = call('reciprocal', call('sqrt', call('add', arg(0), literal(epsilon))));
  return [y, mean, b.map([variance], { expr: inverse })];
}

/** A scale or bias in full. */
const fill = ({ b }: Site, x: Node, shape: Shape): Node =>
  x.type.shape.length > shape.length
    ? b.expand(b.reshape(x, { shape: x.type.shape.slice(-shape.length) }), { shape })
    : b.expand(x, { shape });

/** Layer norm without the mean, over the axes from `from` on. */
export function rmsNormOf(site: Site, x: Node, scale: Node, epsilon: number, from = -1): Node {
  const { b } = site;
  const axis = resolveAxis(site, from, x.type.shape.length);
  const axes = x.type.shape.map((_, i) => i).slice(axis);
  const square = b.mean(b.scalar('mul', x, x), { axes, keepDims: true });
  const root = call('sqrt', call('add', arg(1), literal(epsilon)));
  return b.map([x, square, scale], { expr: call('mul', call('div', arg(0), root), arg(2)) });
}

const rmsNorm = (site: Site): Node =>
  rmsNormOf(
    site,
    site.input(0),
    site.input(1),
    site.attributes.float('epsilon', 1e-5),
    site.attributes.int('axis', -1),
  );

function meanVarianceNorm(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const axes = resolveAxes(site, site.attributes.ints('axes') ?? [0, 2, 3], x.type.shape.length);
  const { mean, variance } = moments(site, x, axes);
  // ε stands outside of the root, as in ONNX's own definition.
  const spread = call('add', call('sqrt', arg(2)), literal(1e-9));
  return b.map([x, mean, variance], { expr: call('div', call('sub', arg(0), arg(1)), spread) });
}

function lpNorm(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  const axis = resolveAxis(site, site.attributes.int('axis', -1), x.type.shape.length);
  const p = site.attributes.int('p', 2);
  if (p !== 1 && p !== 2) throw site.bad(`norm of order ${p}`);
  const powers = p === 1 ? b.scalar('abs', x) : b.scalar('mul', x, x);
  const sum = b.reduce(powers, { kind: 'sum', axes: [axis], keepDims: true });
  return b.scalar('div', x, p === 1 ? sum : b.scalar('sqrt', sum));
}

/** Divides by a power of the squares around each channel: channels are the rows of an image. */
function localResponse(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const size = attributes.int('size');
  const [n, c] = shape;
  if (n === undefined || c === undefined || size < 1) throw site.bad(`LRN of size ${size}`);
  const before = Math.floor((size - 1) / 2);
  const rest = elementCount(shape.slice(2));
  const { stride, dilation } = { stride: [1, 1], dilation: [1, 1] } as const;
  const square = reshaped(b, b.scalar('mul', x, x), [n, 1, c, rest]);
  const pads = [before, 0, size - 1 - before, 0] as const;
  const kernel = [size, still(rest).kernel] as const;
  const sums = reshaped(b, b.sumPool(square, { kernel, stride, dilation, pads }), shape);
  const alpha = literal(attributes.float('alpha', 1e-4) / size);
  const base = call('add', literal(attributes.float('bias', 1)), call('mul', alpha, arg(1)));
  const power = call('pow', base, literal(attributes.float('beta', 0.75)));
  return b.map([x, sums], { expr: call('div', arg(0), power) });
}

/** Normalisations, by ONNX name. */
export const normalizations: Importers = {
  BatchNormalization: { import: batchNorm },
  GroupNormalization: { import: groupNorm },
  InstanceNormalization: { import: instanceNorm },
  LayerNormalization: { import: layerNorm },
  LpNormalization: { import: lpNorm },
  LRN: { import: localResponse },
  MeanVarianceNormalization: { import: meanVarianceNorm },
  RMSNormalization: { import: rmsNorm },
};
