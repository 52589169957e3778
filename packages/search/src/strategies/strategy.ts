// How a strategy decides: one choice a layer, within a budget of time.

import type { Choice } from '../choices.ts';
import type { Kind } from '../kinds.ts';

/** What counts of a candidate where only figures do. */
export interface Figures {
  /** Predicted time, ms. */
  readonly ms: number;
  /** What it is expected to cost in the metric; 0 is none. */
  readonly harm: number;
}

/** One candidate of a layer. */
export interface Candidate extends Choice, Figures {}

/**
 * Picks the index of one candidate a layer so that the times add up to at most `budgetMs`; `undefined` where it
 * finds no such plan.
 *
 * @param kinds Of the layers.
 */
export type Strategy = (
  layers: readonly (readonly Candidate[])[],
  budgetMs: number,
  kinds: readonly Kind[],
) => number[] | undefined;
