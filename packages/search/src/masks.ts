// The weights that a scheme keeps at a sparsity: by elimination where that is short enough, else by scores.

import { type Mask, project, type SchemeName, schemes, type WeightShape } from '@espalier/sparsity';
import type { Structure } from './choices.ts';
import { constrain, patience } from './constrain.ts';
import { canEliminate, eliminate, type Grouping, type Kept } from './eliminate.ts';
import { importanceOf } from './importance.ts';
import type { Layer } from './layers.ts';
import type { Block } from './moments.ts';
import { once } from './once.ts';
import { blockOfMask, startsOf } from './refit.ts';

/** How the units of a scheme lie; `undefined` for schemes that scores alone decide. */
function groupingOf(
  scheme: SchemeName,
  { filters = 1, channels = 1 }: Structure['params'],
  { shape }: Layer,
): Grouping | undefined {
  if (scheme === 'kernelBlock') return { filters, columns: channels * shape.positions };
  if (scheme === 'blockPunched' && shape.positions === 1) return { filters, columns: channels };
  if (scheme === 'blockColumns') return { filters, columns: 1 };
  if (scheme === 'unstructured') return { filters: 1, columns: 1 };
  return undefined;
}

/** The mask of weights that keeps some input channels whole, and nothing else. */
export function maskOfChannels(
  { filters, channels, positions }: WeightShape,
  kept: Iterable<number>,
): Mask {
  const mask: Mask = new Uint8Array(filters * channels * positions);
  for (const channel of kept)
    for (let o = 0; o < filters; o++) {
      const first = (o * channels + channel) * positions;
      mask.fill(1, first, first + positions);
    }
  return mask;
}

/** Masks of a layer for each scheme, and what they do to its outputs. */
export interface Masks {
  keep(structure: Structure): (sparsity: number) => Mask;
  /** What a mask that `keep` gave adds to the mean squared error, all outputs together. */
  errorOf(mask: Mask): number;
}

/** Masks by the moments of what a layer sees. */
export function masksOf(layer: Layer, blocks: readonly Block[]): Masks {
  const errors = new Map<Mask, number>();
  const known = ({ mask, error }: Kept): Mask => {
    errors.set(mask, error);
    return mask;
  };
  let scores: Float32Array | undefined;
  const targets = once(() => startsOf(layer, blocks));
  return {
    keep({ scheme, params }) {
      const group = groupingOf(scheme, params, layer);
      if (group && canEliminate(layer.shape, blocks, group)) {
        const kept = eliminate(layer.weights, layer.shape, blocks, group);
        return (sparsity) => known(kept(sparsity));
      }
      scores ??= importanceOf(layer, blocks);
      const own = scores;
      return (sparsity) => project(schemes[scheme], own, layer.shape, sparsity, params);
    },
    errorOf: (mask) =>
      errors.get(mask) ??
      blocks.reduce((sum, block, i) => {
        const own = blockOfMask(mask, layer, block);
        return sum + constrain(block, own, patience.glance)(targets()[i]!).error();
      }, 0),
  };
}
