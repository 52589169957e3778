// From choices to plans: one choice a layer, by a strategy, so that the whole program keeps its limits.

import type { Profile } from '@espalier/compiler';
import type { Graph, OpNode } from '@espalier/ir';
import { masked } from '@espalier/sparsity';
import { type Costs, costNames, costsOf, eachCost, exceeded, type Limits } from './costs.ts';
import { kindsOf } from './kinds.ts';
import { type Layer, type NewWeights, withWeights } from './layers.ts';
import { pick, sum } from './pick.ts';
import { type Pins, pinOf } from './pins.ts';
import { type StrategyName, strategies } from './strategies/index.ts';
import type { StudiedChoice } from './study.ts';
import { asStudied, seenBy, type View, viewsOf } from './views.ts';

/** A layer with its choices. */
export interface Studied {
  readonly layer: Layer;
  readonly choices: readonly StudiedChoice[];
}

/** How plans are made. */
export interface PlannerOptions {
  readonly profile: Profile;
  readonly pins?: Pins;
  /** Default `knapsack`. */
  readonly strategy?: StrategyName;
  /** Whether a plan that prunes nothing is one: the network has lost channels, or precision, before. */
  readonly isChanged?: boolean;
}

/** Times that a plan is tightened where layers together cost more than each alone. */
const corrections = 3;

/** What is left of a limit where tightening it has changed nothing. */
const push = 0.99;

/** Times that a limit is tightened, whether that changes the plan or not. */
const mostRounds = 40;

/** The choices of a plan, and what tells it from others. */
export interface Plan {
  readonly key: string;
  readonly chosen: readonly StudiedChoice[];
}

/** Makes plans. */
export interface Planner {
  /** Whether the strategy looks at harms. */
  readonly heedsHarm: boolean;
  /** Ways to look at the choices, the plain one first; only that one where harms do not count. */
  readonly views: readonly View[];
  /** A plan that the whole program keeps, to a factor of `slack`; `undefined` where there is none that changes anything. */
  within(limits: Limits, slack: number, view?: View): Plan | undefined;
  /** What the least harmful choices within limits are expected to do to the outputs. */
  expected(limits: Limits): number | undefined;
}

/** What tells the choices of a plan from others. */
export const keyOf = (studied: readonly Studied[], chosen: readonly StudiedChoice[]): string =>
  chosen.map((choice, i) => studied[i]!.choices.indexOf(choice)).join();

/** The network with the zeros of some choices: as fast as the fitted one. */
export function withZeros(
  dense: Graph,
  studied: readonly Studied[],
  chosen: readonly StudiedChoice[],
): Graph {
  const zeroed = studied.map(({ layer }, i): [OpNode, NewWeights] => [
    layer.node,
    { weights: masked(layer.weights, chosen[i]!.mask) },
  ]);
  return withWeights(dense, new Map(zeroed));
}

/** Plans are tightened until the whole program keeps their limits. */
export function planner(
  dense: Graph,
  studied: readonly Studied[],
  denseCosts: Costs,
  { profile, pins = {}, strategy = 'knapsack', isChanged = false }: PlannerOptions,
): Planner {
  const options = studied.map(({ layer, choices }) => {
    // Where a sparsity is given by hand, dense is no choice, unless nothing else is faster.
    const forced = pinOf(pins, layer).sparsity !== undefined && choices.length > 1;
    return forced ? choices.slice(1) : choices;
  });
  const kinds = kindsOf(
    dense,
    studied.map(({ layer }) => layer),
  );
  const heedsHarm = strategy === 'knapsack';
  const all = studied.map(({ choices }) => choices);
  const layersDense = sum(
    all,
    all.map(() => 0),
  );
  // What a whole program needs beyond its layers is much the same from plan to plan.
  const tightenings = new Map<View, Map<keyof Costs, number>>();
  const tighteningOf = (view: View): Map<keyof Costs, number> => {
    const own = tightenings.get(view) ?? new Map(costNames.map((name) => [name, 1]));
    tightenings.set(view, own);
    return own;
  };
  const choose = (limits: Limits, view: View): StudiedChoice[] | undefined => {
    const tightened = tighteningOf(view);
    const own = Object.fromEntries(
      costNames.flatMap((name) => {
        const limit = limits[name];
        if (limit === undefined) return [];
        const rest = denseCosts[name] - layersDense[name];
        return [[name, limit * tightened.get(name)! - rest]];
      }),
    );
    const seen = seenBy(view, options);
    const picked = pick(strategies[strategy], seen, kinds, own);
    return picked && seen.map((choices, i) => choices[picked[i]!]!.choice);
  };
  return {
    heedsHarm,
    views: heedsHarm ? viewsOf(options.flat()) : [asStudied],
    within(limits, slack, view = asStudied) {
      const tightened = tighteningOf(view);
      let found: StudiedChoice[] | undefined;
      let over: (keyof Costs)[] = [];
      let costs = denseCosts;
      for (let compiled = 0, round = 0; compiled <= corrections && round < mostRounds; round++) {
        const chosen = choose(limits, view);
        if (!chosen) break;
        if (found && chosen.every((choice, i) => choice === found![i])) {
          // Strategies that go in large steps need more of a push.
          for (const name of over) tightened.set(name, push * tightened.get(name)!);
          continue;
        }
        found = chosen;
        compiled++;
        costs = costsOf(withZeros(dense, studied, chosen), profile);
        const allowed = eachCost((name) => slack * (limits[name] ?? Number.POSITIVE_INFINITY));
        over = exceeded(costs, allowed);
        if (over.length === 0) break;
        for (const name of over)
          tightened.set(name, (tightened.get(name)! * limits[name]!) / costs[name]);
      }
      if (!found || (!isChanged && found.every(({ scheme }) => scheme === 'none')))
        return undefined;
      return { key: keyOf(studied, found), chosen: found };
    },
    expected(limits) {
      const chosen = choose(limits, asStudied);
      // Squared errors of independent layers add up.
      return chosen && Math.sqrt(chosen.reduce((sum, { harm }) => sum + harm, 0));
    },
  };
}
