// The weights of a plan: layer after layer is fitted to what it put out before, from what it sees now.

import type { Graph } from '@espalier/ir';
import type { PricedChoice } from './choices.ts';
import { epilogueOf } from './epilogue.ts';
import { biasOf, type Layer, type NewWeights } from './layers.ts';
import { momentsOf } from './moments.ts';
import { type Matrix, product } from './products.ts';
import { type Refitted, refitTo } from './refit.ts';
import { centre, columnsOf, drawPlaces, outputsAt, type Place, rowsAt } from './rows.ts';
import type { Feeds } from './runner.ts';
import type { Sensitivity } from './sensitivity.ts';
import { createWalk, type Reading } from './walk.ts';

/** What the layers of a plan are refitted to. */
export interface RecoverContext {
  readonly dense: Graph;
  readonly layers: readonly Layer[];
  readonly calibration: readonly Feeds[];
  /** The seed of a layer's rows. */
  seedOf(index: number): number;
  /** How much errors of a layer matter. */
  sensitivityOf(index: number): Sensitivity | undefined;
}

/** New weights by layer, and how far each is off with them. */
export interface Recovered {
  readonly weights: ReadonlyMap<string, Required<NewWeights>>;
  /** Relative squared error of each layer's outputs. */
  readonly errors: readonly number[];
}

/** Times that outputs which only have to stay below zero are let go where they are. */
const relaxations = 2;

/** A layer that keeps all weights is left alone where it would learn its rows by heart. */
const fewestRowsAColumn = 4;

/** Refits the layers of a plan in sequence; layers that keep all weights make up for what came before them. */
export function recover(
  { dense, layers, calibration, seedOf, sensitivityOf }: RecoverContext,
  chosen: readonly Pick<PricedChoice, 'mask'>[],
): Recovered {
  const before = createWalk(dense, layers, calibration);
  const now = createWalk(dense, layers, calibration);
  const weights = new Map<string, Required<NewWeights>>();
  const errors = layers.map((layer, i) => {
    const { mask } = chosen[i]!;
    const whole = mask.every((kept) => kept === 1);
    if (whole && weights.size === 0) return 0;
    const places = drawPlaces(layer, calibration.length, seedOf(i), sensitivityOf(i)?.positions);
    if (whole && places.length < fewestRowsAColumn * columnsOf(layer)) return 0;
    const fitted = refitSeen(layer, before.advance(i), now.advance(i), places, mask);
    now.replace(layer, fitted);
    weights.set(layer.name, { weights: fitted.weights, bias: fitted.bias });
    return fitted.relativeError;
  });
  return { weights, errors };
}

const inputsOf = (readings: readonly Reading[]) => readings.map(({ x }) => x);

/** Refits one layer to what the dense network does at some places. */
function refitSeen(
  layer: Layer,
  dense: readonly Reading[],
  pruned: readonly Reading[],
  places: readonly Place[],
  mask: PricedChoice['mask'],
): Refitted {
  const { addsResidual, flatBelowZero } = epilogueOf(layer);
  const all = { rows: layer.shape.filters, columns: columnsOf(layer), data: layer.weights };
  const wanted = product(rowsAt(layer, inputsOf(dense), places), all);
  const bias = biasOf(layer.node);
  const residual = (readings: readonly Reading[]): Matrix | undefined =>
    addsResidual
      ? outputsAt(
          layer,
          readings.map(({ extras }) => extras[0]!),
          places,
        )
      : undefined;
  // What is added afterwards has errors of its own: the sum counts.
  const [then, added] = [residual(dense), residual(pruned)];
  for (let i = 0; i < wanted.data.length; i++)
    wanted.data[i]! += bias[i % bias.length]! + (then?.data[i] ?? 0) - (added?.data[i] ?? 0);
  const seen = rowsAt(layer, inputsOf(pruned), places);
  const means = centre(seen);
  const before = product(seen, all);
  const fit = refitTo(layer, { seen, means, blocks: momentsOf(layer, seen), before }, mask);
  let fitted = fit(wanted);
  if (!flatBelowZero) return fitted;
  for (let round = 0; round < relaxations; round++) {
    const { data } = fitted.outputs;
    const relaxed = wanted.data.map((value, i) => {
      const shift = added?.data[i] ?? 0;
      return value + shift < 0 ? Math.min(data[i]!, -shift) : value;
    });
    fitted = fit({ ...wanted, data: relaxed });
  }
  return fitted;
}
