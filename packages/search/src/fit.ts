// The story of a fit: layers, their choices, what each would cost, a plan within the limits, weights that
// make up for the loss, and whether what is left is good enough.

import type { Graph } from '@espalier/ir';
import { askedOf, bestOf, boldest, checkReach, rateOf } from './asked.ts';
import { type Choice, unchanged } from './choices.ts';
import { type Costs, costsOf, exceeded, type Limits } from './costs.ts';
import {
  type Attempted,
  createEvaluator,
  type Evaluator,
  inPrecision,
  type NetworkPrecision,
  type Problem,
  studyAll,
} from './evaluator.ts';
import { type NewWeights, prunableLayers } from './layers.ts';
import { narrow } from './narrow.ts';
import { decidesByHand, narrowsByHand } from './pins.ts';
import { keyOf, type Planner, planner, type Studied } from './planner.ts';
import type { StrategyName } from './strategies/index.ts';
import type { StudiedChoice } from './study.ts';
import { asStudied, type View } from './views.ts';
import type { Widths } from './widths/narrowed.ts';
import { networkOf } from './widths/narrowing.ts';
import { narrowBase, type PlannedWidth, widthsOf } from './widths/search.ts';

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
  /** How many times as fast as dense, by prediction; without any wish as fast as `drop` allows. */
  readonly speedup?: number;
  /** Allowed loss of the metric on held-out inputs; default 0.01. */
  readonly drop?: number;
  readonly strategy?: StrategyName;
  /**
   * What layers are computed in; default 16-bit fixed point where that is predicted to be faster and takes little of
   * the loss that is allowed, else floats.
   */
  readonly precision?: NetworkPrecision;
  /** The most plans that are carried out and judged; default 6. */
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

/** The network of a plan again. */
export function fittedNetwork(
  dense: Graph,
  weights: ReadonlyMap<string, NewWeights>,
  widths: readonly PlannedWidth[],
  precision: NetworkPrecision,
): Graph {
  return networkOf(inPrecision(dense, precision), weights, widthsOf(widths));
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
  /** What the layers of the network to ship are computed in. */
  readonly precision: NetworkPrecision;
  /** Empty where the dense network ships. */
  readonly plan: readonly PlannedLayer[];
  /** Channels that went; empty where none did. */
  readonly widths: readonly PlannedWidth[];
  /** New weights by layer, as wide as they were: with them and `widths`, `fittedNetwork` makes the graph again. */
  readonly weights: ReadonlyMap<string, NewWeights>;
  /** Of the dense network, predicted. */
  readonly dense: Trial;
  /** Of the network that ships. */
  readonly shipped: Trial;
  /** All plans that were carried out, in their order. */
  readonly trials: readonly Trial[];
}

/** How far a plan may be from a speed that nobody asked for. */
const slack = 1.03;

/** The part of the loss that is allowed which plans may take that made-up inputs judge, where no speed is asked for. */
const madeUpShare = 0.2;

/** The plans that are then tried: what may still be won is little. */
const madeUpEffort = 2;

/** The part of the loss that is allowed which rounding may take. */
const mostRounding = 0.25;

/** The network that plans are made for. */
interface Precise {
  readonly precision: NetworkPrecision;
  readonly network: Graph;
  readonly costs: Costs;
}

/** The network in fixed point, where that is asked for or good; else as it is. */
async function preciseNetwork(
  dense: Graph,
  { profile, drop = 0.01, precision }: FitOptions,
  denseTrial: Trial,
  evaluator: Evaluator,
): Promise<Precise> {
  const floats: Precise = { precision: 'f32', network: dense, costs: denseTrial };
  if (precision === 'f32') return floats;
  const network = inPrecision(dense, 'int16');
  const rounded: Precise = { precision: 'int16', network, costs: costsOf(network, profile) };
  if (precision === 'int16') return rounded;
  if (rounded.costs.ms >= denseTrial.ms) return floats;
  const loss = denseTrial.score - (await evaluator.score('int16'));
  return loss <= mostRounding * drop ? rounded : floats;
}

/**
 * Fits an optimised graph to a device without training.
 *
 * @param evaluator Who evaluates; default this thread.
 * @throws {EspalierError} UNREACHABLE, TOO_FEW_INPUTS, BAD_CALIBRATION, UNKNOWN_LAYER
 */
export async function fit(
  dense: Graph,
  options: FitOptions,
  evaluations: Evaluator = createEvaluator(dense, options),
): Promise<Fitted> {
  const { profile } = options;
  const tell = options.onProgress ?? (() => undefined);
  const denseCosts = costsOf(dense, profile);
  const denseTrial: Trial = { ...denseCosts, score: await evaluations.score('f32') };
  const { precision, network, costs } = await preciseNetwork(
    dense,
    options,
    denseTrial,
    evaluations,
  );
  const isRounded = precision !== 'f32';
  const evaluator = evaluations.at(precision);
  const layers = prunableLayers(network);
  const asked = askedOf(options, denseCosts);
  const { drop: allowed = 0.01, madeUp = false, pins = {} } = options;
  const isGuess = madeUp && !asked && !decidesByHand(pins);
  // Rounding shows in any inputs; what pruning does beyond that, made-up ones cannot tell well enough.
  const studied =
    isGuess && isRounded
      ? layers.map((layer) => ({ layer, choices: [{ ...unchanged(layer, profile), harm: 0 }] }))
      : await studyAll(evaluator, layers, ({ node }, done) => {
          const message = `layer ${done} of ${layers.length}: ${node.name}`;
          tell({ phase: 'layers', done, total: layers.length, message });
        });
  const drop = isGuess ? madeUpShare * allowed : allowed;
  const effort = Math.min(options.effort ?? 6, isGuess ? madeUpEffort : Number.POSITIVE_INFINITY);
  const whole = planner(network, studied, costs, { ...options, isChanged: isRounded });
  const base = await narrowBase(network, studied, evaluator, {
    ...options,
    drop,
    rate: rateOf(whole, asked?.ms, costs.ms, drop),
    denseCosts: costs,
    denseScore: denseTrial.score,
  });
  const best = bestOf(base.studied, base.costs);
  if (asked) checkReach(asked, best, denseCosts);

  const wide: Side = { plans: whole, prefix: '', widths: new Map(), planned: [] };
  const side: Side = base.carried
    ? {
        plans: planner(base.graph, base.studied, base.costs, { ...options, isChanged: true }),
        prefix: `${base.carried.key}; `,
        widths: base.widths,
        planned: base.planned,
      }
    : wide;
  const { plans } = side;
  const tried = new Map<string, Carried>();
  const keep = (
    { prefix, widths, planned }: Side,
    key: string,
    chosen: readonly StudiedChoice[],
    attempted: Attempted,
  ): void => {
    const { ms, bytes, memoryBytes, score } = attempted;
    const trial: Trial = { ms, bytes, memoryBytes, score };
    const accepted = score >= denseTrial.score - drop && ms < denseCosts.ms;
    const one: Carried = { chosen, attempted, trial, accepted, widths, planned };
    tried.set(prefix + key, one);
    tell({ phase: 'plans', done: tried.size, total: effort, message: outcome(one) });
  };
  const outcome = ({ trial, accepted }: Carried): string =>
    `at ${times(denseCosts, trial)}: ${quality(options, denseTrial, trial)}${accepted ? '' : ' only'}`;
  /** Carries out the plans for some limits, at once. */
  async function attempt(
    side: Side,
    wishes: readonly Limits[],
    slack: number,
    views: readonly View[] = [asStudied],
  ): Promise<(Carried | undefined)[]> {
    const { plans, prefix, widths } = side;
    const found = wishes.flatMap((limits) =>
      views.map((view) => plans.within(limits, slack, view)),
    );
    const fresh = new Map<string, readonly StudiedChoice[]>();
    for (const plan of found)
      if (plan && !tried.has(prefix + plan.key)) fresh.set(plan.key, plan.chosen);
    const before = tried.size;
    const message = `${fresh.size} ${fresh.size === 1 ? 'plan' : 'plans'}: fitting weights`;
    if (fresh.size > 0) tell({ phase: 'plans', done: before, total: effort, message });
    const carried = await Promise.all(
      [...fresh].map(async ([key, chosen]) => ({
        key,
        chosen,
        attempted: await evaluator.attempt(prefix + key, chosen, widths),
      })),
    );
    for (const { key, chosen, attempted } of carried) keep(side, key, chosen, attempted);
    return found.map((plan) => plan && tried.get(prefix + plan.key));
  }

  if (base.carried) {
    const untouched = base.studied.map(({ choices }) => choices[0]!);
    keep(side, keyOf(base.studied, untouched), untouched, base.carried.attempted);
  }

  // One speed is asked for: what is left to find is the best of the plans for it.
  if (asked) {
    // Two are left for the narrower network as it is, and for a plan that keeps all channels: more may have gone than
    // this speed needs.
    const views = plans.views.slice(0, side === wide ? effort : Math.max(1, effort - 2));
    await attempt(side, [asked], 1, views);
    if (side !== wide && tried.size < effort && !narrowsByHand(pins))
      await attempt(wide, [asked], 1);
  } else if (isGuess && isRounded) {
    const untouched = studied.map(({ choices }) => choices[0]!);
    const key = keyOf(studied, untouched);
    keep(wide, key, untouched, await evaluator.attempt(key, untouched));
  } else {
    const top = Math.min(boldest, denseCosts.ms / best.ms);
    const expected = (speed: number) => plans.expected({ ms: denseCosts.ms / speed });
    await narrow({ top, effort, drop, expected }, async (speeds) => {
      const wishes = speeds.map((speed) => ({ ms: denseCosts.ms / speed }));
      const carried = await attempt(side, wishes, slack);
      return carried.map((one) => one && denseTrial.score - one.trial.score);
    });
  }
  const trials = [...tried.values()].map(({ trial }) => trial);
  const keeps = ({ trial }: Carried): boolean => !asked || exceeded(trial, asked).length === 0;
  const better = (a: Carried, b: Carried): number =>
    asked
      ? Number(keeps(b)) - Number(keeps(a)) || b.trial.score - a.trial.score
      : a.trial.ms - b.trial.ms;
  const sorted = [...tried.values()].sort(better);
  const shipped = sorted.find(({ accepted }) => accepted);
  const refused = asked ? sorted[0] : sorted.at(-1);
  if (shipped)
    return {
      graph: networkOf(network, shipped.attempted.weights, shipped.widths),
      accepted: true,
      precision,
      reason: `${times(denseCosts, shipped.trial)}, ${quality(options, denseTrial, shipped.trial)}`,
      plan: planned(
        prunableLayers(dense).map((layer) => unchanged(layer, profile).ms),
        studied,
        shipped.chosen,
        shipped.attempted,
      ),
      widths: shipped.planned,
      weights: shipped.attempted.weights,
      dense: denseTrial,
      shipped: shipped.trial,
      trials,
    };
  return {
    graph: dense,
    accepted: false,
    precision: 'f32',
    reason: refused
      ? outcome(refused)
      : layers.length === 0
        ? 'no layer can be pruned'
        : 'no plan is faster',
    plan: [],
    widths: [],
    weights: new Map(),
    dense: denseTrial,
    shipped: denseTrial,
    trials,
  };
}

/** A plan that was carried out, and whether it is good enough. */
interface Carried {
  readonly chosen: readonly StudiedChoice[];
  readonly attempted: Attempted;
  readonly trial: Trial;
  readonly accepted: boolean;
  readonly widths: Widths;
  readonly planned: readonly PlannedWidth[];
}

/** A network that plans are made for: as wide as it was, or narrower. */
interface Side {
  readonly plans: Planner;
  /** Tells keys of its plans from those of the other. */
  readonly prefix: string;
  readonly widths: Widths;
  readonly planned: readonly PlannedWidth[];
}

const times = (dense: Costs, { ms }: Costs): string =>
  `${(dense.ms / ms).toFixed(2)} times as fast`;

const quality = ({ metric }: Problem, dense: Trial, { score }: Trial): string =>
  metric
    ? `metric ${score.toFixed(4)} after ${dense.score.toFixed(4)}`
    : `agreement ${score.toFixed(4)}`;

const planned = (
  denseMs: readonly number[],
  studied: readonly Studied[],
  chosen: readonly StudiedChoice[],
  { errors }: Attempted,
): PlannedLayer[] =>
  studied.map(({ layer: { name: layer } }, i) => {
    const { scheme, params, sparsity, ms, harm } = chosen[i]!;
    const common = { layer, scheme, params, sparsity };
    return { ...common, denseMs: denseMs[i]!, ms, harm, error: errors[i]! };
  });
