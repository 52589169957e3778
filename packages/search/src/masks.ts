// The weights that a scheme keeps at a sparsity: by elimination where that is short enough, else by scores.

import { type Mask, project, type SchemeName, schemes } from '@espalier/sparsity';
import type { Structure } from './choices.ts';
import { canEliminate, eliminate, type Grouping } from './eliminate.ts';
import { importanceOf } from './importance.ts';
import type { Layer } from './layers.ts';
import type { Moments } from './refit.ts';

/** How the units of a scheme lie; `undefined` for schemes that scores alone decide. */
function groupingOf(scheme: SchemeName, filters: number, { shape }: Layer): Grouping | undefined {
  if (scheme === 'kernelBlock') return { filters, columns: shape.positions };
  if (scheme === 'blockColumns') return { filters, columns: 1 };
  return undefined;
}

/** Masks of a layer for each scheme. */
export function masksOf(
  layer: Layer,
  moments: Moments,
): (structure: Structure) => (sparsity: number) => Mask {
  let scores: Float32Array | undefined;
  return ({ scheme, params }) => {
    const group = groupingOf(scheme, params.filters ?? 1, layer);
    if (group && canEliminate(layer.shape, group)) {
      const { mask } = eliminate(layer.weights, layer.shape, moments, group);
      return mask;
    }
    scores ??= importanceOf(layer, moments);
    const own = scores;
    return (sparsity) => project(schemes[scheme], own, layer.shape, sparsity, params);
  };
}
