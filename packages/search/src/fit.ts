// The story of a fit: layers, their choices, what each would cost, a plan within the limits, weights that
// make up for the loss, and whether what is left is good enough.

import type { Graph, OpNode } from '@espalier/ir';
import { masked } from '@espalier/sparsity';
import type { Choice } from './choices.ts';
import { type Costs, costNames, costsOf, eachCost, exceeded, type Limits } from './costs.ts';
import { unreachable } from './errors.ts';
import { type Attempted, createEvaluator, type Evaluator, type Problem } from './evaluator.ts';
import { type Layer, type NewWeights, prunableLayers, withLayers, withWeights } from './layers.ts';
import { pick, sum } from './pick.ts';
import { pinOf } from './pins.ts';
import { type StrategyName, strategies } from './strategies/index.ts';
import type { StudiedChoice } from './study.ts';

/** How far a fit is. */
export interface Progress {
  readonly phase: 'layers' | 'plans';
  readonly done: number;
  /** Layers, or the most plans that are tried. */
  readonly total: number;
  readonly message: string;
}

/** What is wished for. */
export interface FitOptions extends Problem {
  /** Bounds of the whole network. */
  readonly limits?: Limits;
  /** How many times as fast as dense, by prediction; without any wish as fast as `drop` allows. */
  readonly speedup?: number;
  /** Allowed loss of the metric on held-out inputs; default 0.01. */
  readonly drop?: number;
  readonly strategy?: StrategyName;
  /** The most plans that are carried out and judged; default 8. */
  readonly effort?: number;
  onProgress?(progress: Progress): void;
}

/** What became of each layer. */
export interface PlannedLayer extends Choice {
  readonly layer: string;
  readonly denseMs: number;
  readonly ms: number;
  /** What the choice was expected to do to the outputs. */
  readonly harm: number;
  /** Relative squared error of the layer's outputs after the refit. */
  readonly error: number;
}

/** One plan that was carried out. */
export interface Trial extends Costs {
  readonly score: number;
}

/** A fitted network. */
export interface Fitted {
  /** The network to ship: pruned, or the dense one where no plan was accepted. */
  readonly graph: Graph;
  readonly accepted: boolean;
  /** One line: why. */
  readonly reason: string;
  /** Empty where the dense network ships. */
  readonly plan: readonly PlannedLayer[];
  /** New weights by layer: with them, `withLayers` makes the graph again. */
  readonly weights: ReadonlyMap<string, NewWeights>;
  /** Of the dense network, predicted. */
  readonly dense: Trial;
  /** Of the network that ships. */
  readonly shipped: Trial;
  /** All plans that were carried out, in their order. */
  readonly trials: readonly Trial[];
}

/** Speeds that are tried where none is asked for, the boldest first. */
const boldSpeedups = [3, 2.5, 2, 1.75, 1.5, 1.35, 1.25, 1.15] as const;

/** Times that a plan is tightened where layers together cost more than each alone. */
const corrections = 3;

/**
 * Fits an optimised graph to a device without training.
 *
 * @param evaluator Who evaluates; default this thread.
 * @throws {EspalierError} UNREACHABLE, TOO_FEW_INPUTS, BAD_CALIBRATION, UNKNOWN_LAYER
 */
export async function fit(
  dense: Graph,
  options: FitOptions,
  evaluator: Evaluator = createEvaluator(dense, options),
): Promise<Fitted> {
  const { profile, drop = 0.01, effort = boldSpeedups.length } = options;
  const tell = options.onProgress ?? (() => undefined);
  const layers = prunableLayers(dense);
  const denseCosts = costsOf(dense, profile);
  let done = 0;
  const studied = await Promise.all(
    layers.map(async (layer, index): Promise<Studied> => {
      const choices = await evaluator.study(index);
      const message = `layer ${++done} of ${layers.length}: ${layer.node.name}`;
      tell({ phase: 'layers', done, total: layers.length, message });
      return { layer, choices };
    }),
  );
  const denseTrial: Trial = { ...denseCosts, score: await evaluator.denseScore() };
  const wishes = wishesOf(options, denseCosts);
  checkReach(wishes, studied, denseCosts);

  const trials: Trial[] = [];
  const tried = new Set<string>();
  let reason = layers.length === 0 ? 'no layer can be pruned' : 'no plan is faster';
  for (const limits of wishes) {
    if (trials.length >= effort) break;
    const chosen = plan(dense, studied, limits, denseCosts, options);
    if (!chosen || chosen.every(({ scheme }) => scheme === 'none')) continue;
    const key = chosen.map((choice, i) => studied[i]!.choices.indexOf(choice)).join();
    if (tried.has(key)) continue;
    tried.add(key);
    const message = `${(denseCosts.ms / (limits.ms ?? denseCosts.ms)).toFixed(2)} times as fast: fitting weights`;
    tell({ phase: 'plans', done: trials.length, total: wishes.length, message });
    const attempted = await evaluator.attempt(key, chosen);
    const { ms, bytes, memoryBytes, score } = attempted;
    const trial: Trial = { ms, bytes, memoryBytes, score };
    trials.push(trial);
    if (score >= denseTrial.score - drop && ms < denseCosts.ms)
      return {
        graph: withLayers(dense, attempted.weights),
        accepted: true,
        reason: `${times(denseCosts, trial)}, ${quality(options, denseTrial, trial)}`,
        plan: planned(studied, chosen, attempted),
        weights: attempted.weights,
        dense: denseTrial,
        shipped: trial,
        trials,
      };
    reason = `at ${times(denseCosts, trial)}: ${quality(options, denseTrial, trial)} only`;
    tell({ phase: 'plans', done: trials.length, total: wishes.length, message: reason });
  }
  return {
    graph: dense,
    accepted: false,
    reason,
    plan: [],
    weights: new Map(),
    dense: denseTrial,
    shipped: denseTrial,
    trials,
  };
}

const times = (dense: Costs, { ms }: Costs): string =>
  `${(dense.ms / ms).toFixed(2)} times as fast`;

const quality = ({ metric }: Problem, dense: Trial, { score }: Trial): string =>
  metric
    ? `metric ${score.toFixed(4)} after ${dense.score.toFixed(4)}`
    : `agreement ${score.toFixed(4)}`;

/** A layer with its choices. */
interface Studied {
  readonly layer: Layer;
  readonly choices: readonly StudiedChoice[];
}

/** The limits to try, one after the other. */
function wishesOf({ limits = {}, speedup }: FitOptions, { ms }: Costs): Limits[] {
  const asked = speedup === undefined ? limits.ms : Math.min(ms / speedup, limits.ms ?? ms);
  if (asked !== undefined) return [{ ...limits, ms: asked }];
  if (limits.bytes !== undefined || limits.memoryBytes !== undefined) return [limits];
  return boldSpeedups.map((bold) => ({ ms: ms / bold }));
}

/** @throws {EspalierError} UNREACHABLE, where the only wish cannot come true */
function checkReach(wishes: readonly Limits[], studied: readonly Studied[], dense: Costs): void {
  const [limits, ...others] = wishes;
  if (!limits || others.length > 0) return;
  const best = eachCost((name) =>
    studied.reduce((total, { choices }) => {
      const own = choices.map((choice) => choice[name]);
      return total + Math.min(...own) - own[0]!;
    }, dense[name]),
  );
  const [name] = exceeded(best, limits);
  if (name) throw unreachable(name, limits[name]!, best[name], dense[name]);
}

/** The choices of a plan within limits; tightened until the whole program keeps them. */
function plan(
  dense: Graph,
  studied: readonly Studied[],
  limits: Limits,
  denseCosts: Costs,
  { profile, pins = {}, strategy = 'knapsack' }: FitOptions,
): StudiedChoice[] | undefined {
  const options = studied.map(({ layer, choices }) => {
    // Where a sparsity is given by hand, dense is no choice, unless nothing else is faster.
    const forced = pinOf(pins, layer).sparsity !== undefined && choices.length > 1;
    return forced ? choices.slice(1) : choices;
  });
  const all = studied.map(({ choices }) => choices);
  const layersDense = sum(
    all,
    all.map(() => 0),
  );
  const tightened = new Map(costNames.map((name) => [name, 1]));
  let found: StudiedChoice[] | undefined;
  for (let round = 0; round <= corrections; round++) {
    const own = Object.fromEntries(
      costNames.flatMap((name) => {
        const limit = limits[name];
        if (limit === undefined) return [];
        const rest = denseCosts[name] - layersDense[name];
        return [[name, limit * tightened.get(name)! - rest]];
      }),
    );
    const picked = pick(strategies[strategy], options, own);
    if (!picked) return found;
    found = options.map((choices, i) => choices[picked[i]!]!);
    const zeroed = new Map(
      studied.map(({ layer }, i): [OpNode, NewWeights] => [
        layer.node,
        { weights: masked(layer.weights, found![i]!.mask) },
      ]),
    );
    const costs = costsOf(withWeights(dense, zeroed), profile);
    const over = exceeded(costs, limits);
    if (over.length === 0) return found;
    for (const name of over)
      tightened.set(name, (tightened.get(name)! * limits[name]!) / costs[name]);
  }
  return found;
}

const planned = (
  studied: readonly Studied[],
  chosen: readonly StudiedChoice[],
  { errors }: Attempted,
): PlannedLayer[] =>
  studied.map(({ layer, choices }, i) => {
    const { scheme, params, sparsity, ms, harm } = chosen[i]!;
    const denseMs = choices[0]!.ms;
    return { layer: layer.name, scheme, params, sparsity, denseMs, ms, harm, error: errors[i]! };
  });
