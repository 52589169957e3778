// The work of a fit in pieces that are functions of the problem alone, so that they may run anywhere, in any
// order, and be kept.

import { inFixedPoint, type Profile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';
import { agreementOf, type Outputs } from './agreement.ts';
import { type PricedChoice, unchanged } from './choices.ts';
import { type Costs, costsOf, type Limits } from './costs.ts';
import { tooFewInputs } from './errors.ts';
import { type Layer, type NewWeights, prunableLayers } from './layers.ts';
import { once } from './once.ts';
import { checkPins, narrowsByHand, type Pins, pinOf } from './pins.ts';
import type { Studied } from './planner.ts';
import { recover } from './recover.ts';
import { createRun, type Feeds } from './runner.ts';
import { sensitivitiesOf } from './sensitivity.ts';
import { type Study, study } from './study.ts';
import { narrowPlace, openPlace, type StudyPlace } from './study-place.ts';
import { widthGroups } from './widths/groups.ts';
import { isNarrower, narrowed, type Widths, widened } from './widths/narrowed.ts';
import { type Narrowing, networkOf } from './widths/narrowing.ts';
import { checkWidths, offered } from './widths/pick.ts';

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
   * Whether inputs are made up; default false. They do not show all that channels are for, so that none goes unasked, and
   * forgive what others do not, so that plans for no speed in particular are held to a part of the loss that is allowed.
   */
  readonly madeUp?: boolean;
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

/** What the layers of a network are computed in. */
export const networkPrecisions = ['f32', 'int16'] as const;

/** One of `networkPrecisions`. */
export type NetworkPrecision = (typeof networkPrecisions)[number];

/** The dense network in a precision. */
export const inPrecision = (dense: Graph, precision: NetworkPrecision): Graph =>
  precision === 'int16' ? inFixedPoint(dense) : dense;

/** The pieces that are about layers and plans. */
export interface Evaluations {
  /**
   * What may become of a layer, by its place.
   *
   * @param narrowing Channels that have gone before; what becomes of input channels is not asked again.
   */
  study(layer: number, narrowing?: Narrowing): Promise<Study>;
  /**
   * @param key Says which choices, and widths, these are: equal keys, equal results.
   * @param chosen Masks of the layers of the narrower network.
   */
  attempt(key: string, chosen: readonly Picked[], widths?: Widths): Promise<Attempted>;
}

/** The pieces. */
export interface Evaluator {
  /** The dense network in a precision, by the metric. */
  score(precision: NetworkPrecision): Promise<number>;
  /** What is about layers and plans in a precision. */
  at(precision: NetworkPrecision): Evaluations;
}

/**
 * Studies layers, at once where the evaluator has threads.
 *
 * @param onStudied Told of each layer, and how many are done with it.
 */
export function studyAll(
  evaluator: Pick<Evaluations, 'study'>,
  layers: readonly Layer[],
  onStudied: (layer: Layer, done: number) => void,
): Promise<StudiedLayer[]> {
  let done = 0;
  return Promise.all(
    layers.map(async (layer, index): Promise<StudiedLayer> => {
      const found = await evaluator.study(index);
      onStudied(layer, ++done);
      return { layer, ...found };
    }),
  );
}

/** A layer with what is known of it. */
export interface StudiedLayer extends Studied, Study {}

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
  const { inputs, pins = {} } = problem;
  if (inputs.length < 2) throw tooFewInputs(inputs.length);
  const { calibration, heldOut } = split(inputs);
  checkPins(pins, prunableLayers(dense));
  const runDense = once(() => createRun(dense));
  const wanted = once(() => heldOut.map(runDense()));
  const agreement = agreementOf(dense);
  const score = (graph: Graph): number => {
    const outputs = graph === dense ? wanted() : heldOut.map(createRun(graph));
    return problem.metric ? problem.metric(outputs) : agreement(wanted(), outputs);
  };
  const judged: Judged = {
    calibration,
    reference: once(() => calibration.map(runDense())),
    score,
  };
  const known = new Map<NetworkPrecision, Evaluations>();
  return {
    score: async (precision) => score(inPrecision(dense, precision)),
    at(precision) {
      const own =
        known.get(precision) ?? evaluations(inPrecision(dense, precision), problem, judged);
      known.set(precision, own);
      return own;
    },
  };
}

/** What plans are carried out and judged by. */
interface Judged {
  readonly calibration: readonly Feeds[];
  /** Outputs of the dense network on those. */
  reference(): readonly Outputs[];
  /** Of a network, on the held-out inputs. */
  score(graph: Graph): number;
}

/** Evaluates layers and plans of a network. */
function evaluations(
  dense: Graph,
  { profile, seed = 1, pins = {}, limits = {}, madeUp = false }: Problem,
  { calibration, reference, score }: Judged,
): Evaluations {
  const layers = prunableLayers(dense);
  // Layers that take next to no time are not worth a look, unless there are other bounds than time.
  const timeCounts = limits.bytes === undefined && limits.memoryBytes === undefined;
  const denseMs = once(() => costsOf(dense, profile).ms);
  const groups = once(() => {
    if (madeUp && !narrowsByHand(pins)) return [];
    const all = widthGroups(dense, profile);
    checkWidths(all, pins);
    return offered(all, denseMs(), pins, !madeUp);
  });
  const seedOf = (index: number) => seed + index;
  const sensitivities = once(() => sensitivitiesOf(dense, layers, calibration, reference(), seed));
  const sensitivityOf = (index: number) => sensitivities()[index];
  let place: StudyPlace | undefined;
  const placeOf = (narrowing: Narrowing | undefined): StudyPlace => {
    if (place?.key !== narrowing?.key || !place)
      place = narrowing
        ? narrowPlace(dense, layers, calibration, narrowing, sensitivityOf)
        : openPlace({ graph: dense, layers, calibration, reference, sensitivityOf });
    return place;
  };
  return {
    study: async (index, narrowing) => {
      const own = placeOf(narrowing);
      const layer = own.layers[index]!;
      const pin = pinOf(pins, layers[index]!);
      const kept = unchanged(layer, profile);
      const isShort =
        pin.scheme === 'none' ||
        (timeCounts && pin.sparsity === undefined && kept.ms < leastShare * denseMs());
      const channels =
        !narrowing && groups().some(({ readers }) => readers.some((each) => each.layer === index));
      if (isShort && !channels) return { choices: [{ ...kept, harm: 0 }] };
      const common = {
        dense: own.graph,
        profile,
        calibration,
        reference: own.reference(),
        seed: seedOf(index),
        sensitivity: own.sensitivityOf(index),
        wanted: { choices: !isShort, channels },
      };
      return study({ ...common, readings: own.readingsOf(index), unchanged: kept }, layer, pin);
    },
    attempt: async (_key, chosen, widths = new Map()) => {
      const masks = widths.size === 0 ? chosen : widenedAll(dense, layers, widths, chosen);
      const { weights, errors } = recover(
        { dense, layers, calibration, seedOf, sensitivityOf },
        masks,
      );
      const graph = networkOf(dense, weights, widths);
      return { ...costsOf(graph, profile), weights, errors, score: score(graph) };
    },
  };
}

/** The masks of layers as wide as they were. */
function widenedAll(
  dense: Graph,
  layers: readonly Layer[],
  widths: Widths,
  chosen: readonly Picked[],
): Pick<Picked, 'mask'>[] {
  const { kept } = narrowed(dense, widths);
  return chosen.map(({ mask }, i) => {
    const own = kept[i]!;
    return { mask: isNarrower(own, layers[i]!) ? widened(mask, layers[i]!, own) : mask };
  });
}
