// Layers that are not Keras' own, and that published models use.

import type { CustomLayers } from './layer.ts';
import { numberOf } from './layer.ts';
import { pixelShuffle } from './shapes.ts';

/** Layers of the super-resolution networks of UpscalerJS, by class. */
export const custom: CustomLayers = {
  MultiplyBeta: (site) =>
    site.b.scalar('mul', site.input(0), site.b.value(numberOf(site, 'beta', 0.2))),
  PixelShuffle2x: pixelShuffle(2),
  PixelShuffle3x: pixelShuffle(3),
  PixelShuffle4x: pixelShuffle(4),
  PixelShuffle8x: pixelShuffle(8),
};
