// One evaluation: what may become of one layer, and what each choice would do to the network.

import type { Profile } from '@espalier/compiler';
import { type Graph, macs } from '@espalier/ir';
import type { Mask } from '@espalier/sparsity';
import { likenessOf, type Outputs } from './agreement.ts';
import { choicesOf, type PricedChoice } from './choices.ts';
import { constrain } from './constrain.ts';
import { channelCosts } from './eliminate.ts';
import { biasOf, type Layer, type NewWeights, withWeights } from './layers.ts';
import { maskOfChannels, masksOf } from './masks.ts';
import { type Block, momentsOf } from './moments.ts';
import type { Pin } from './pins.ts';
import { product } from './products.ts';
import { blockOfMask, setBlock, startsOf } from './refit.ts';
import { centre, columnsOf, drawPlaces, rowsAt } from './rows.ts';
import { createRun, type Feeds } from './runner.ts';
import type { Sensitivity } from './sensitivity.ts';
import type { Reading } from './walk.ts';

/** A choice with what it is expected to do to the outputs: 0 is nothing. */
export interface StudiedChoice extends PricedChoice {
  readonly harm: number;
}

/** What is known of a layer. */
export interface Study {
  /** The first leaves the layer as it is. */
  readonly choices: readonly StudiedChoice[];
  /** What each of its input channels is expected to do to the outputs as it goes; absent where nobody asked. */
  readonly channelHarms?: Float64Array;
}

/** What an evaluation of a layer looks at. */
export interface StudyContext {
  readonly dense: Graph;
  readonly profile: Profile;
  readonly calibration: readonly Feeds[];
  /** Outputs of the dense network on those. */
  readonly reference: readonly Outputs[];
  /** What the layer reads in the dense network. */
  readonly readings: readonly Reading[];
  readonly seed: number;
  /** How much errors of the layer matter; alike everywhere where it is absent. */
  readonly sensitivity: Sensitivity | undefined;
  /** The layer as it is, priced. */
  readonly unchanged: PricedChoice;
  /** Whether there may be choices, and whether its input channels may go. */
  readonly wanted: { readonly choices: boolean; readonly channels: boolean };
}

/** The sparsity at which a layer's effect on the outputs is measured. */
const probeSparsity = 0.5;

/** Multiply-adds that measuring an effect may take; some inputs at least, so many at most. */
const probeMacs = 2e9;
const fewestProbes = 5;
const mostProbes = 32;

/** The choices of a layer, and what its input channels are worth. */
export function study(context: StudyContext, layer: Layer, pin: Pin): Study {
  const { dense, profile, calibration, reference, readings, seed, sensitivity, unchanged } =
    context;
  const { wanted } = context;
  const places = drawPlaces(layer, readings.length, seed, sensitivity?.positions);
  const rows = rowsAt(
    layer,
    readings.map(({ x }) => x),
    places,
  );
  const means = centre(rows);
  const blocks = momentsOf(layer, rows);
  const counted = weighted(layer, sensitivity);
  const masks = masksOf(counted, blocks);
  const choices = wanted.choices
    ? choicesOf(layer, unchanged, masks.keep, profile, pin)
    : [unchanged];
  const costs = wanted.channels ? channelCosts(counted.weights, layer.shape, blocks) : undefined;
  const errors = choices.map(({ scheme, mask }) => (scheme === 'none' ? 0 : masks.errorOf(mask)));
  // What an error of this layer does to the outputs, measured once.
  const distance = (i: number) => Math.abs(choices[i]!.sparsity - probeSparsity);
  const [nearest] = choices
    .flatMap((_, i) => (i > 0 ? [i] : []))
    .sort((a, b) => distance(a) - distance(b));
  const probe =
    nearest !== undefined
      ? { mask: choices[nearest]!.mask, error: errors[nearest]! }
      : costs && withoutChannels(layer, costs);
  if (!probe) return { choices: choices.map((choice) => ({ ...choice, harm: 0 })) };
  const fitted = refitAlone(layer, blocks, means, probe.mask);
  const count = Math.round(probeMacs / Math.max(1, macs(dense)));
  const probes = calibration.slice(0, Math.min(mostProbes, Math.max(fewestProbes, count)));
  const run = createRun(withWeights(dense, new Map([[layer.node, fitted]])));
  const effect = 1 - likenessOf(dense)(reference.slice(0, probes.length), probes.map(run));
  // Squared errors of independent layers add up. The least error that counts keeps the quotient finite.
  const energy = energyOf(counted, rows);
  const least = Math.max(probe.error, 1e-9 * energy, 1e-30);
  const harmOf = (error: number): number => (effect ** 2 * error) / least;
  return {
    choices: choices.map((choice, i) => ({ ...choice, harm: harmOf(errors[i]!) })),
    ...(costs && { channelHarms: costs.map(harmOf) }),
  };
}

/** The mask without the cheaper half of the input channels, and what that costs. */
function withoutChannels(
  { shape }: Layer,
  costs: Float64Array,
): { readonly mask: Mask; readonly error: number } {
  const order = [...costs.keys()].sort((a, b) => costs[a]! - costs[b]! || a - b);
  const count = Math.round(probeSparsity * shape.channels);
  const error = order.slice(0, count).reduce((sum, channel) => sum + costs[channel]!, 0);
  return { mask: maskOfChannels(shape, order.slice(count)), error };
}

/** The layer with its outputs scaled by how much errors of each matter. */
function weighted(layer: Layer, sensitivity: Sensitivity | undefined): Layer {
  if (!sensitivity) return layer;
  const columns = columnsOf(layer);
  const scales = sensitivity.outputs.map(Math.sqrt);
  return { ...layer, weights: layer.weights.map((w, i) => w * scales[Math.floor(i / columns)]!) };
}

/** The weights that a choice leaves where everything before the layer stays as it was. */
function refitAlone(
  layer: Layer,
  blocks: readonly Block[],
  means: Float64Array,
  mask: Mask,
): Required<NewWeights> {
  const columns = columnsOf(layer);
  const weights = new Float32Array(layer.weights.length);
  const targets = startsOf(layer, blocks);
  for (const [i, block] of blocks.entries()) {
    const fitted = constrain(block, blockOfMask(mask, layer, block))(targets[i]!);
    setBlock(weights, layer, block, fitted.weights);
  }
  const bias = biasOf(layer.node).map((before, o) => {
    let sum = before;
    for (let k = 0; k < columns; k++)
      sum += (layer.weights[o * columns + k]! - weights[o * columns + k]!) * means[k]!;
    return sum;
  });
  return { weights, bias };
}

/** The variance of what a layer puts out for centred rows, all outputs together. */
function energyOf(layer: Layer, rows: ReturnType<typeof rowsAt>): number {
  const all = { rows: layer.shape.filters, columns: rows.columns, data: layer.weights };
  return product(rows, all).data.reduce((sum, y) => sum + y * y, 0) / rows.rows;
}
