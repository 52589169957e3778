// Moves channels into space and back: the last layer of most super-resolution networks.

import { blocked, interleaved, same } from '../channels.ts';
import { badShape } from '../errors.ts';
import { extents4 } from './checks.ts';
import { defineOp, type Op } from './op.ts';

/** How many channels become how many pixels, and in which order. */
export interface DepthToSpaceAttrs {
  /** Upscaling factor, an integer ≥ 1. */
  readonly block: number;
  /** Whether the position within the block is the outer (`DCR`) or the inner (`CRD`) part of a channel's index. */
  readonly mode: 'DCR' | 'CRD';
}

/** Rearranges `[N, C·block², H, W]` into `[N, C, H·block, W·block]`. */
export const depthToSpace: Op<DepthToSpaceAttrs, 1> = defineOp<DepthToSpaceAttrs, 1>({
  name: 'depthToSpace',
  arity: 1,

  infer([x], { block }) {
    const [n, c, h, w] = extents4('depthToSpace', x);
    if (!Number.isInteger(block) || block < 1 || c % block ** 2 !== 0)
      throw badShape('depthToSpace', `${c} channels in blocks of ${block}×${block}`);
    return { dtype: x.dtype, shape: [n, c / block ** 2, h * block, w * block] };
  },

  decompose(b, [x], { block, mode }) {
    const [n, depth, h, w] = extents4('depthToSpace', x.type);
    const c = depth / block ** 2;
    const dcr = mode === 'DCR';
    const split = b.reshape(x, {
      shape: dcr ? [n, block, block, c, h, w] : [n, c, block, block, h, w],
    });
    const woven = b.transpose(split, { perm: dcr ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3] });
    return b.reshape(woven, { shape: [n, c, h * block, w * block] });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: ({ block, mode }) => [
    ...same(0),
    ...(mode === 'DCR' ? interleaved(block * block) : blocked(block * block)),
  ],
  macs: () => 0,
});

/** How many pixels become channels. */
export interface SpaceToDepthAttrs {
  readonly block: number;
}

/** Rearranges `[N, C, H·block, W·block]` into `[N, block²·C, H, W]`, the inverse of `DCR`. */
export const spaceToDepth: Op<SpaceToDepthAttrs, 1> = defineOp<SpaceToDepthAttrs, 1>({
  name: 'spaceToDepth',
  arity: 1,

  infer([x], { block }) {
    const [n, c, h, w] = extents4('spaceToDepth', x);
    if (!Number.isInteger(block) || block < 1 || h % block !== 0 || w % block !== 0)
      throw badShape('spaceToDepth', `${h}×${w} in blocks of ${block}×${block}`);
    return { dtype: x.dtype, shape: [n, c * block ** 2, h / block, w / block] };
  },

  decompose(b, [x], { block }) {
    const [n, c, h, w] = extents4('spaceToDepth', x.type);
    const split = b.reshape(x, { shape: [n, c, h / block, block, w / block, block] });
    const woven = b.transpose(split, { perm: [0, 3, 5, 1, 2, 4] });
    return b.reshape(woven, { shape: [n, c * block ** 2, h / block, w / block] });
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: () => same(0),
  macs: () => 0,
});
