// The story of a fit: layers, their choices, what each would cost, a plan within the budget, weights that
// make up for the loss, and whether what is left is good enough.

import { compile, latency, type Profile } from '@espalier/compiler';
import type { Graph, OpNode } from '@espalier/ir';
import { agreement, type Outputs, relativeError } from './agreement.ts';
import { type Choice, choicesOf, type PricedChoice } from './choices.ts';
import { tooFewInputs, unreachable } from './errors.ts';
import { type Layer, type NewWeights, prunableLayers, withWeights } from './layers.ts';
import { masksOf } from './masks.ts';
import { momentsOf, outputsOf, type Refitted, refit } from './refit.ts';
import { createRun, type Feeds } from './runner.ts';
import { type Rows, sampleRows } from './samples.ts';
import { type StrategyName, strategies } from './strategies/index.ts';

/** What is wished for. */
export interface FitOptions {
  readonly profile: Profile;
  /** Inputs without labels: half of them calibrate, half are held out to judge. At least 2. */
  readonly inputs: readonly Feeds[];
  /** How many times as fast as dense, by prediction; default as fast as `drop` allows. */
  readonly speedup?: number;
  /** Allowed loss of agreement with the dense network on held-out inputs; default 0.01. */
  readonly drop?: number;
  readonly strategy?: StrategyName;
  readonly seed?: number;
  onProgress?(message: string): void;
}

/** What became of each layer. */
export interface PlannedLayer extends Choice {
  readonly layer: string;
  readonly denseMs: number;
  readonly ms: number;
  /** Relative squared error of the layer's outputs after the refit. */
  readonly error: number;
}

/** A fitted network. */
export interface Fitted {
  /** The network to ship: pruned, or the dense one where no plan was accepted. */
  readonly graph: Graph;
  readonly accepted: boolean;
  /** One line: why. */
  readonly reason: string;
  readonly plan: readonly PlannedLayer[];
  /** Predicted, ms. */
  readonly denseMs: number;
  readonly ms: number;
  /** Agreement with the dense network on held-out inputs. */
  readonly agreement: number;
}

/** Speeds that are tried where none is asked for, the boldest first. */
const boldSpeedups = [3, 2.5, 2, 1.75, 1.5, 1.35, 1.25, 1.15] as const;

/** The sparsity at which a layer's effect on the outputs is measured. */
const probeSparsity = 0.5;

/**
 * Fits an optimised graph to a device without training.
 *
 * @throws {EspalierError} UNREACHABLE, TOO_FEW_INPUTS, BAD_CALIBRATION
 */
export function fit(dense: Graph, options: FitOptions): Fitted {
  const { profile, inputs, drop = 0.01, strategy = 'knapsack', seed = 1 } = options;
  const tell = options.onProgress ?? (() => undefined);
  if (inputs.length < 2) throw tooFewInputs(inputs.length);
  const half = Math.floor(inputs.length / 2);
  const [calibration, heldOut] = [inputs.slice(0, half), inputs.slice(half)];
  const runDense = createRun(dense);
  const reference = { calibration: calibration.map(runDense), heldOut: heldOut.map(runDense) };

  const denseMs = predict(dense, profile);
  const layers = prunableLayers(dense);
  tell(`${layers.length} layers, ${denseMs.toFixed(2)} ms predicted`);
  const studied = layers.map((layer, index) => {
    tell(`layer ${index + 1} of ${layers.length}: ${layer.node.name}`);
    return study(dense, layer, calibration, reference.calibration, profile, seed + index);
  });

  const layersMs = studied.reduce((sum, { choices }) => sum + choices[0]!.ms, 0);
  const rest = Math.max(0, denseMs - layersMs);
  const least = studied.reduce(
    (sum, { choices }) => sum + Math.min(...choices.map(({ ms }) => ms)),
    0,
  );
  const bestSpeedup = denseMs / (rest + least);
  const asked = options.speedup;
  if (asked !== undefined && asked > bestSpeedup)
    throw unreachable(`a speed-up of ${asked}`, bestSpeedup.toFixed(2));

  let reason = 'no plan is faster';
  for (const speedup of asked === undefined ? boldSpeedups : [asked]) {
    const picked = strategies[strategy](
      studied.map(({ choices, harms }) => choices.map(({ ms }, i) => ({ ms, harm: harms[i]! }))),
      denseMs / speedup - rest,
    );
    if (!picked) continue;
    tell(`${speedup} times as fast: fitting weights`);
    const chosen = studied.map(({ choices }, i) => choices[picked[i]!]!);
    const { graph, errors } = recover(dense, studied, chosen, calibration, seed);
    const ms = predict(graph, profile);
    const run = createRun(graph);
    const score = agreement(reference.heldOut, heldOut.map(run));
    const plan = studied.map(({ layer, choices }, i): PlannedLayer => {
      const { scheme, params, sparsity, ms: own } = chosen[i]!;
      const denseOwn = choices[0]!.ms;
      return {
        layer: layer.name,
        scheme,
        params,
        sparsity,
        ms: own,
        denseMs: denseOwn,
        error: errors[i]!,
      };
    });
    if (score >= 1 - drop && ms < denseMs)
      return {
        graph,
        accepted: true,
        reason: `${(denseMs / ms).toFixed(2)} times as fast, agreement ${score.toFixed(4)}`,
        plan,
        denseMs,
        ms,
        agreement: score,
      };
    reason = `at ${(denseMs / ms).toFixed(2)} times as fast it agrees in ${score.toFixed(4)} only`;
    tell(reason);
  }
  return { graph: dense, accepted: false, reason, plan: [], denseMs, ms: denseMs, agreement: 1 };
}

const predict = (graph: Graph, profile: Profile): number =>
  latency(compile(graph, { profile }).report.work, profile).totalMs;

/** A layer with its choices and what each would cost the network. */
interface Studied {
  readonly layer: Layer;
  readonly rows: Rows;
  /** What the layer puts out, of those rows. */
  readonly wanted: Float32Array;
  readonly bias: Float32Array;
  readonly choices: readonly PricedChoice[];
  readonly harms: readonly number[];
}

function study(
  dense: Graph,
  layer: Layer,
  calibration: readonly Feeds[],
  reference: readonly Outputs[],
  profile: Profile,
  seed: number,
): Studied {
  const bias = biasOf(layer.node);
  const rows = sampleRows(dense, layer, calibration, seed);
  const wanted = outputsOf(rows, layer.weights, bias);
  const moments = momentsOf(rows, wanted);
  const choices = choicesOf(layer, masksOf(layer, moments), profile);
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
  const harms = fits.map((fitted) => {
    if (!fitted || probe < 0) return 0;
    // Squared errors of independent layers add up.
    return (effect ** 2 * fitted.relativeError) / (fits[probe]!.relativeError || 1e-12);
  });
  return { layer, rows, wanted, bias, choices, harms };
}

const biasOf = (node: OpNode): Float32Array => {
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
  const some = calibration.slice(0, 8);
  const run = createRun(withWeights(dense, new Map([[node, fitted]])));
  const actual = some.map(run);
  const names = Object.keys(reference[0]!);
  const wanted = reference.slice(0, some.length);
  return names.reduce((sum, name) => sum + relativeError(wanted, actual, name), 0) / names.length;
}

/** Refits layer after layer, each to what it put out before, from what it sees now. */
function recover(
  dense: Graph,
  studied: readonly Studied[],
  chosen: readonly PricedChoice[],
  calibration: readonly Feeds[],
  seed: number,
): { readonly graph: Graph; readonly errors: readonly number[] } {
  const changed = new Map<OpNode, NewWeights>();
  const errors = studied.map(({ layer, wanted, bias }, i) => {
    const { scheme, mask } = chosen[i]!;
    if (scheme === 'none') return 0;
    const current = withWeights(dense, changed);
    const [same] = prunableLayers(current).slice(i, i + 1);
    const rows = sampleRows(current, same!, calibration, seed + i);
    const fitted = refit(momentsOf(rows, wanted), layer.weights, bias, mask);
    changed.set(layer.node, fitted);
    return fitted.relativeError;
  });
  return { graph: withWeights(dense, changed), errors };
}
