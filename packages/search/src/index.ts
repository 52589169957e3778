// What @espalier/search offers to the packages below it.

export { agreement, type Outputs } from './agreement.ts';
export type { Choice } from './choices.ts';
export { type FitOptions, type Fitted, fit, type PlannedLayer } from './fit.ts';
export type { Feeds } from './runner.ts';
export { type StrategyName, strategies } from './strategies/index.ts';
