// The work of a fit in pieces that are functions of the problem alone, so that they may run anywhere, in any
// order, and be kept.

import type { Profile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';
import { agreementOf, type Outputs } from './agreement.ts';
import { type PricedChoice, unchanged } from './choices.ts';
import { type Costs, costsOf, type Limits } from './costs.ts';
import { tooFewInputs } from './errors.ts';
import { type Layer, type NewWeights, prunableLayers, withLayers } from './layers.ts';
import { once } from './once.ts';
import { checkPins, type Pins, pinOf } from './pins.ts';
import type { Studied } from './planner.ts';
import { recover } from './recover.ts';
import { createRun, type Feeds } from './runner.ts';
import { sensitivitiesOf } from './sensitivity.ts';
import { type StudiedChoice, study } from './study.ts';
import { createWalk, type Reading, type Walk } from './walk.ts';

/** What is to be fitted, to what, and how it is judged. */
export interface Problem {
  readonly profile: Profile;
  /** Inputs without labels: every second one is held out to judge. At least 2. */
  readonly inputs: readonly Feeds[];
  /** Default 1. */
  readonly seed?: number;
  readonly pins?: Pins;
  /** Bounds of the whole network. */
  readonly limits?: Limits;
  /**
   * How good outputs on the held-out inputs are, more being better; default their agreement with those of the
   * dense network.
   */
  metric?(heldOut: readonly Outputs[]): number;
}

/** A plan that was carried out. */
export interface Attempted extends Costs {
  /** New weights by the name of the layer. */
  readonly weights: ReadonlyMap<string, Required<NewWeights>>;
  /** Relative squared error of each layer's outputs. */
  readonly errors: readonly number[];
  /** By the metric, on held-out inputs. */
  readonly score: number;
}

/** What a plan says of one layer. */
export type Picked = Pick<PricedChoice, 'scheme' | 'mask'>;

/** The pieces. */
export interface Evaluator {
  /** The dense network by the metric. */
  denseScore(): Promise<number>;
  /** The choices of a layer, by its place. */
  study(layer: number): Promise<readonly StudiedChoice[]>;
  /** @param key Says which choices these are: equal keys, equal results. */
  attempt(key: string, chosen: readonly Picked[]): Promise<Attempted>;
}

/**
 * Studies every layer, at once where the evaluator has threads.
 *
 * @param onStudied Told of each layer, and how many are done with it.
 */
export function studyAll(
  evaluator: Pick<Evaluator, 'study'>,
  layers: readonly Layer[],
  onStudied: (layer: Layer, done: number) => void,
): Promise<Studied[]> {
  let done = 0;
  return Promise.all(
    layers.map(async (layer, index): Promise<Studied> => {
      const choices = await evaluator.study(index);
      onStudied(layer, ++done);
      return { layer, choices };
    }),
  );
}

/** Part of a network's time that a layer takes if it is worth a study. */
const leastShare = 0.003;

/** Which inputs calibrate, and which judge: turn by turn, since files come sorted by what they show. */
export const split = <T>(inputs: readonly T[]): { calibration: T[]; heldOut: T[] } => ({
  calibration: inputs.filter((_, i) => i % 2 === 0),
  heldOut: inputs.filter((_, i) => i % 2 === 1),
});

/**
 * Evaluates in this thread.
 *
 * @throws {EspalierError} TOO_FEW_INPUTS, UNKNOWN_LAYER, BAD_CALIBRATION
 */
export function createEvaluator(dense: Graph, problem: Problem): Evaluator {
  const { profile, inputs, seed = 1, pins = {}, limits = {} } = problem;
  if (inputs.length < 2) throw tooFewInputs(inputs.length);
  const { calibration, heldOut } = split(inputs);
  const layers = prunableLayers(dense);
  checkPins(pins, layers);
  const runDense = once(() => createRun(dense));
  const reference = once(() => calibration.map(runDense()));
  const wanted = once(() => heldOut.map(runDense()));
  // Layers are studied in their order, mostly: one walk sees them all.
  let walk: Walk | undefined;
  let reached = -1;
  const readingsOf = (index: number): readonly Reading[] => {
    if (!walk || index < reached) walk = createWalk(dense, layers, calibration);
    reached = index;
    return walk.advance(index);
  };
  // Layers that take next to no time are not worth a look, unless there are other bounds than time.
  const timeCounts = limits.bytes === undefined && limits.memoryBytes === undefined;
  const denseMs = once(() => costsOf(dense, profile).ms);
  const agreement = agreementOf(dense);
  const score = (outputs: readonly Outputs[]): number =>
    problem.metric ? problem.metric(outputs) : agreement(wanted(), outputs);
  const seedOf = (index: number) => seed + index;
  const sensitivities = once(() => sensitivitiesOf(dense, layers, calibration, reference(), seed));
  const sensitivityOf = (index: number) => sensitivities()[index];
  return {
    denseScore: async () => score(wanted()),
    study: async (index) => {
      const layer = layers[index]!;
      const pin = pinOf(pins, layer);
      const kept = unchanged(layer, profile);
      if (timeCounts && pin.sparsity === undefined && kept.ms < leastShare * denseMs())
        return [{ ...kept, harm: 0 }];
      const common = {
        dense,
        profile,
        calibration,
        reference: reference(),
        seed: seedOf(index),
        sensitivity: sensitivityOf(index),
      };
      return study({ ...common, readings: readingsOf(index), unchanged: kept }, layer, pin);
    },
    attempt: async (_key, chosen) => {
      const { weights, errors } = recover(
        { dense, layers, calibration, seedOf, sensitivityOf },
        chosen,
      );
      const graph = withLayers(dense, weights);
      const run = createRun(graph);
      return { ...costsOf(graph, profile), weights, errors, score: score(heldOut.map(run)) };
    },
  };
}
