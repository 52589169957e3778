// What @espalier/search offers to the packages below it.

export { type Agreement, agreementOf, type Outputs } from './agreement.ts';
export type { Choice } from './choices.ts';
export { type Costs, costsOf, type Limits } from './costs.ts';
export {
  type Attempted,
  createEvaluator,
  type Evaluations,
  type Evaluator,
  type NetworkPrecision,
  networkPrecisions,
  type Picked,
  type Problem,
  split,
} from './evaluator.ts';
export {
  type FitOptions,
  type Fitted,
  fit,
  fittedNetwork,
  type PlannedLayer,
  type Progress,
  type Trial,
} from './fit.ts';
export { type NewWeights, prunableLayers, withLayers } from './layers.ts';
export type { Pin, Pins } from './pins.ts';
export { createRun, type Feeds } from './runner.ts';
export { type StrategyName, strategies } from './strategies/index.ts';
export type { Study } from './study.ts';
export { type NarrowedNetwork, narrowed, type Widths } from './widths/narrowed.ts';
export type { Narrowing } from './widths/narrowing.ts';
export { type PlannedWidth, widthsOf } from './widths/search.ts';
