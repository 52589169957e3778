// Every strategy.

import { knapsack } from './knapsack.ts';
import { rule } from './rule.ts';
import type { Strategy } from './strategy.ts';

/** The strategies by name. */
export const strategies = { knapsack, rule } as const satisfies Readonly<Record<string, Strategy>>;

/** One of `strategies`. */
export type StrategyName = keyof typeof strategies;
