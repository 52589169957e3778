// `espalier check`: is what a build makes now as good as the plan that was committed?

import type { Costs, Trial } from '@espalier/search';

/** One figure, as committed and as built. */
export interface Comparison {
  readonly name: string;
  readonly committed: number;
  readonly built: number;
  /** Whether it got worse by more than is tolerated. */
  readonly regressed: boolean;
}

/** How much worse a figure may be: predictions move a little with every version. */
export interface Tolerances {
  /** Of milliseconds, bytes and memory, as a fraction. */
  readonly costs: number;
  /** Of the metric, in its own unit. */
  readonly metric: number;
}

/** What is tolerated where nobody says otherwise. */
export const usualTolerances: Tolerances = { costs: 0.02, metric: 0.002 };

const names: Readonly<Record<keyof Costs, string>> = {
  ms: 'latency, ms',
  bytes: 'bytes',
  memoryBytes: 'memory, bytes',
};

/** Compares figure by figure. */
export function compareTrials(
  committed: Trial,
  built: Trial,
  { costs, metric }: Tolerances = usualTolerances,
): Comparison[] {
  const worse = Object.entries(names).map(([key, name]): Comparison => {
    const [before, now] = [committed[key as keyof Costs], built[key as keyof Costs]]; // keys of the table
    return { name, committed: before, built: now, regressed: now > before * (1 + costs) };
  });
  const [before, now] = [committed.score, built.score];
  return [
    ...worse,
    { name: 'metric', committed: before, built: now, regressed: now < before - metric },
  ];
}
