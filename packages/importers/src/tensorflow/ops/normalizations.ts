// Normalisations, and softmax.

import { elementCount, type Node } from '@espalier/ir';
import { channelsBack, channelsFirst } from '../windows.ts';
import { formatOf } from './convolutions.ts';
import type { Operators, Site } from './operator.ts';

/** With statistics from training; those of the batch have no place in an inference. */
function batchNorm(site: Site): Node {
  const format = formatOf(site);
  const image = channelsFirst(site, site.input(0), format);
  const statistics = [1, 2, 3, 4].map((i) => site.input(i));
  const y = site.b.batchNorm([image, ...statistics], {
    epsilon: site.attributes.float('epsilon', 1e-4),
  });
  return channelsBack(site, y, format);
}

/** `x / (bias + α · Σ x²)^β` over the neighbouring channels. */
function localResponse(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const { shape } = x.type;
  const channels = shape.at(-1) ?? 1;
  const radius = attributes.int('depth_radius', 5);
  if (radius < 0 || radius > 2 ** 16) throw site.bad(`depth_radius ${radius}`);
  const rows = [1, elementCount(shape.slice(0, -1)), 1, channels];
  const sums = b.sumPool(b.reshape(b.scalar('mul', x, x), { shape: rows }), {
    kernel: [1, 2 * radius + 1],
    stride: [1, 1],
    dilation: [1, 1],
    pads: [0, radius, 0, radius],
  });
  const scaled = b.scalar('mul', sums, b.value(attributes.float('alpha', 1)));
  const base = b.scalar('add', scaled, b.value(attributes.float('bias', 1)));
  const power = b.scalar('pow', base, b.value(attributes.float('beta', 0.5)));
  return b.scalar('div', x, b.reshape(power, { shape }));
}

const lastAxis = (site: Site, x: Node): number => {
  if (x.type.shape.length === 0) throw site.bad('softmax of a single number');
  return x.type.shape.length - 1;
};

/** Normalisations, by name. */
export const normalizations: Operators = {
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  LRN: localResponse,
  LogSoftmax: (site) => site.b.logSoftmax(site.input(0), { axis: lastAxis(site, site.input(0)) }),
  Softmax: (site) => site.b.softmax(site.input(0), { axis: lastAxis(site, site.input(0)) }),
};
