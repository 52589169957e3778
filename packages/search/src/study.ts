// One evaluation: what may become of one layer, and what each choice would do to the network.

import type { Profile } from '@espalier/compiler';
import type { Graph, OpNode } from '@espalier/ir';
import { type Outputs, relativeError } from './agreement.ts';
import { choicesOf, type PricedChoice } from './choices.ts';
import { type Layer, withWeights } from './layers.ts';
import { masksOf } from './masks.ts';
import type { Pin } from './pins.ts';
import { momentsOf, outputsOf, type Refitted, refit } from './refit.ts';
import { createRun, type Feeds } from './runner.ts';
import { sampleRows } from './samples.ts';

/** A choice with what it is expected to do to the outputs: 0 is nothing. */
export interface StudiedChoice extends PricedChoice {
  readonly harm: number;
}

/** What an evaluation of a layer looks at. */
export interface StudyContext {
  readonly dense: Graph;
  readonly profile: Profile;
  readonly calibration: readonly Feeds[];
  /** Outputs of the dense network on those. */
  readonly reference: readonly Outputs[];
  readonly seed: number;
}

/** The sparsity at which a layer's effect on the outputs is measured. */
const probeSparsity = 0.5;

/** Inputs on which it is measured. */
const probeInputs = 8;

/** The choices of a layer, the first of which leaves it as it is. */
export function study(
  { dense, profile, calibration, reference, seed }: StudyContext,
  layer: Layer,
  pin: Pin,
): StudiedChoice[] {
  const bias = biasOf(layer.node);
  const rows = sampleRows(dense, layer, calibration, seed);
  const moments = momentsOf(rows, outputsOf(rows, layer.weights, bias));
  const choices = choicesOf(layer, masksOf(layer, moments), profile, pin);
  const fits = choices.map(({ scheme, mask }): Refitted | undefined =>
    scheme === 'none' ? undefined : refit(moments, layer.weights, bias, mask),
  );
  // What an error of this layer does to the outputs, measured once.
  const probe = fits.reduce<number>((best, fitted, i) => {
    if (!fitted) return best;
    const distance = (at: number) => Math.abs(choices[at]!.sparsity - probeSparsity);
    return best < 0 || distance(i) < distance(best) ? i : best;
  }, -1);
  const effect = probe < 0 ? 0 : effectOf(dense, layer.node, fits[probe]!, calibration, reference);
  return choices.map((choice, i) => {
    const fitted = fits[i];
    // Squared errors of independent layers add up.
    const harm = fitted
      ? (effect ** 2 * fitted.relativeError) / (fits[probe]!.relativeError || 1e-12)
      : 0;
    return { ...choice, harm };
  });
}

/** The bias of a layer; none where it is not constant. */
export const biasOf = (node: OpNode): Float32Array => {
  const bias = node.inputs[2]!;
  return bias.kind === 'constant' ? Float32Array.from(bias.value.data) : new Float32Array();
};

/** The relative error of the outputs with one layer refitted. */
function effectOf(
  dense: Graph,
  node: OpNode,
  fitted: Refitted,
  calibration: readonly Feeds[],
  reference: readonly Outputs[],
): number {
  const some = calibration.slice(0, probeInputs);
  const run = createRun(withWeights(dense, new Map([[node, fitted]])));
  const actual = some.map(run);
  const names = Object.keys(reference[0]!);
  const wanted = reference.slice(0, some.length);
  return names.reduce((sum, name) => sum + relativeError(wanted, actual, name), 0) / names.length;
}
