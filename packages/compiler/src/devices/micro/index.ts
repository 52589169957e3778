// Every graph of a calibration.

import { epilogues } from './epilogues.ts';
import { layers } from './layers.ts';
import type { MicroKernel } from './micro-kernel.ts';
import { movers } from './movers.ts';
import { networks } from './networks.ts';
import { sparseLayers } from './sparse-layers.ts';

/** Every kernel over a grid of shapes, and short networks. */
export const microKernels: readonly MicroKernel[] = [
  ...layers,
  ...movers,
  ...sparseLayers,
  ...epilogues,
  ...networks,
];
