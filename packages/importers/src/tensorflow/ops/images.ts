// Resizing, and blocks of pixels.

import type { Node } from '@espalier/ir';
import { sliceAxis } from '../room.ts';
import { channelsBack, channelsFirst, depthToSpace2d, type Pair, resize2d } from '../windows.ts';
import { formatOf } from './convolutions.ts';
import { padded } from './movers.ts';
import type { Operator, Operators, Site } from './operator.ts';

const resize =
  (mode: 'nearest' | 'linear'): Operator =>
  (site) => {
    const [h, w, ...more] = site.numbers(1);
    if (h === undefined || w === undefined || more.length > 0)
      throw site.bad(`a size of [${site.numbers(1).join(', ')}]`);
    return resize2d(site, site.input(0), {
      mode,
      size: [h, w] as Pair,
      format: 'NHWC',
      corners: site.attributes.flag('align_corners', false),
      centres: site.attributes.flag('half_pixel_centers', false),
    });
  };

function spaceToDepth(site: Site): Node {
  const format = formatOf(site);
  const image = channelsFirst(site, site.input(0), format);
  const y = site.b.spaceToDepth(image, { block: site.attributes.int('block_size', 2) });
  return channelsBack(site, y, format);
}

/** Block sizes and the pairs before and after of each spatial axis. */
function blocksOf(site: Site, pairs: number) {
  const blocks = site.numbers(1);
  const around = site.numbers(pairs);
  const rank = site.input(0).type.shape.length;
  if (
    blocks.length + 1 > rank ||
    around.length !== 2 * blocks.length ||
    blocks.some((block) => block < 1) ||
    around.some((n) => n < 0)
  )
    throw site.bad(`blocks [${blocks.join(', ')}] around [${around.join(', ')}]`);
  const at = blocks.map((_, i) => [around[2 * i]!, around[2 * i + 1]!] as const);
  return { blocks, around: at };
}

/** `[N, …]` to `[blocks · N, … / blocks]`, the position in the block outside of the batch. */
function spaceToBatch(site: Site): Node {
  const { b } = site;
  const { blocks, around } = blocksOf(site, 2);
  const count = blocks.length;
  const x = site.input(0);
  const rest = new Array<Pair>(x.type.shape.length - 1 - count).fill([0, 0]);
  const whole = padded(site, x, [[0, 0], ...around, ...rest], 0);
  const [n, ...extents] = whole.type.shape;
  const spatial = extents.slice(0, count);
  if (spatial.some((extent, i) => extent % blocks[i]! !== 0))
    throw site.bad(`[${spatial.join(', ')}] in blocks of [${blocks.join(', ')}]`);
  const outer = spatial.map((extent, i) => extent / blocks[i]!);
  const tail = extents.slice(count);
  const split = b.reshape(whole, {
    shape: [n!, ...outer.flatMap((extent, i) => [extent, blocks[i]!]), ...tail],
  });
  const perm = [
    ...blocks.map((_, i) => 2 * i + 2),
    0,
    ...blocks.map((_, i) => 2 * i + 1),
    ...tail.map((_, i) => 2 * count + 1 + i),
  ];
  const area = blocks.reduce((product, block) => product * block, 1);
  return b.reshape(b.transpose(split, { perm }), { shape: [n! * area, ...outer, ...tail] });
}

/** The way back, then crops. */
function batchToSpace(site: Site): Node {
  const { b } = site;
  const { blocks, around } = blocksOf(site, 2);
  const count = blocks.length;
  const x = site.input(0);
  const [n, ...extents] = x.type.shape;
  const area = blocks.reduce((product, block) => product * block, 1);
  if (n! % area !== 0) throw site.bad(`a batch of ${n} in blocks of ${area}`);
  const tail = extents.slice(count);
  const split = b.reshape(x, { shape: [...blocks, n! / area, ...extents] });
  const perm = [
    count,
    ...blocks.flatMap((_, i) => [count + 1 + i, i]),
    ...tail.map((_, i) => 2 * count + 1 + i),
  ];
  const shape = [n! / area, ...blocks.map((block, i) => block * extents[i]!), ...tail];
  const whole = b.reshape(b.transpose(split, { perm }), { shape });
  return around.reduce((node, [before, after], i) => {
    const extent = node.type.shape[i + 1]!;
    return sliceAxis(site, node, i + 1, before, extent - before - after);
  }, whole);
}

/** Resizing and blocks, by name. */
export const images: Operators = {
  BatchToSpaceND: batchToSpace,
  DepthToSpace: (site) =>
    depthToSpace2d(site, site.input(0), site.attributes.int('block_size', 2), formatOf(site)),
  ResizeBilinear: resize('linear'),
  ResizeNearestNeighbor: resize('nearest'),
  SpaceToBatchND: spaceToBatch,
  SpaceToDepth: spaceToDepth,
};
