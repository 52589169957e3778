// The weights of a plan: layer after layer is fitted to what it put out before, from what it sees now.

import type { Graph, OpNode } from '@espalier/ir';
import type { PricedChoice } from './choices.ts';
import { type Layer, type NewWeights, prunableLayers, withWeights } from './layers.ts';
import { momentsOf, outputsOf, refit } from './refit.ts';
import type { Feeds } from './runner.ts';
import { sampleRows } from './samples.ts';
import { biasOf } from './study.ts';

/** What the layers of a plan are refitted to. */
export interface RecoverContext {
  readonly dense: Graph;
  readonly layers: readonly Layer[];
  readonly calibration: readonly Feeds[];
  /** The seed of a layer's rows. */
  seedOf(index: number): number;
}

/** New weights by layer, and how far each is off with them. */
export interface Recovered {
  readonly weights: ReadonlyMap<string, Required<NewWeights>>;
  /** Relative squared error of each layer's outputs. */
  readonly errors: readonly number[];
}

/** Refits the layers of a plan in sequence. */
export function recover(
  { dense, layers, calibration, seedOf }: RecoverContext,
  chosen: readonly Pick<PricedChoice, 'scheme' | 'mask'>[],
): Recovered {
  const changed = new Map<OpNode, NewWeights>();
  const weights = new Map<string, Required<NewWeights>>();
  const errors = layers.map((layer, i) => {
    const { scheme, mask } = chosen[i]!;
    if (scheme === 'none') return 0;
    const bias = biasOf(layer.node);
    const before = sampleRows(dense, layer, calibration, seedOf(i));
    const wanted = outputsOf(before, layer.weights, bias);
    const current = withWeights(dense, changed);
    const same = prunableLayers(current)[i]!;
    const rows = changed.size === 0 ? before : sampleRows(current, same, calibration, seedOf(i));
    const fitted = refit(momentsOf(rows, wanted), layer.weights, bias, mask);
    changed.set(layer.node, fitted);
    weights.set(layer.name, { weights: fitted.weights, bias: fitted.bias });
    return fitted.relativeError;
  });
  return { weights, errors };
}
