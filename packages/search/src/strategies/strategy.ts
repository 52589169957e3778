// How a strategy decides: one choice a layer, within a budget of time.

/** One candidate of a layer. */
export interface Candidate {
  /** Predicted time, ms. */
  readonly ms: number;
  /** What it is expected to cost in the metric; 0 is none. */
  readonly harm: number;
}

/** Picks the index of one candidate a layer so that the times add up to at most `budgetMs`. */
export type Strategy = (
  layers: readonly (readonly Candidate[])[],
  budgetMs: number,
) => number[] | undefined;
