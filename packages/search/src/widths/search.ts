// The first part of a fit: the network loses the channels that are worth less than what a search can hope for.

import type { Profile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';
import { type Costs, costsOf } from '../costs.ts';
import type { Attempted, Evaluations, StudiedLayer } from '../evaluator.ts';
import { narrowsByHand, type Pins } from '../pins.ts';
import type { Studied } from '../planner.ts';
import { widthGroups } from './groups.ts';
import { isNarrower, type NarrowedNetwork, narrowed, type Widths } from './narrowed.ts';
import { baseOf, keyOfWidths, type Narrowing } from './narrowing.ts';
import { offered, pickWidths } from './pick.ts';

/** The part of the loss that is allowed which channels may take before anything else is pruned. */
const leastPart = 0.4;

/** Parts of the rate that are tried, until the loss is small, and how many of them are carried out. */
const parts = [1, 1e-1, 1e-2, 1e-3, 1e-4];
const mostAttempts = 3;

/** What widths are picked by. */
export interface WidthOptions {
  readonly profile: Profile;
  readonly pins?: Pins;
  readonly madeUp?: boolean;
  /** Allowed loss of the metric. */
  readonly drop: number;
  /** Harm that is worth a ms. */
  readonly rate: number;
  readonly denseCosts: Costs;
  readonly denseScore: number;
}

/** A group that lost units. */
export interface PlannedWidth {
  readonly group: string;
  readonly units: number;
  /** Units that went, in ascending order. */
  readonly dropped: readonly number[];
}

/** The units that went, by group. */
export const widthsOf = (planned: readonly PlannedWidth[]): Widths =>
  new Map(planned.map(({ group, dropped }) => [group, dropped]));

/** The network that plans are made for. */
export interface Base {
  readonly graph: Graph;
  readonly studied: readonly Studied[];
  readonly costs: Costs;
  readonly widths: Widths;
  readonly planned: readonly PlannedWidth[];
  /** The network narrowed and otherwise whole, as it was carried out; absent where it is as wide as it was. */
  readonly carried?: { readonly key: string; readonly attempted: Attempted };
}

/** Narrows a network where that is worth it, and studies anew what that changes. */
export async function narrowBase(
  dense: Graph,
  studied: readonly StudiedLayer[],
  evaluator: Evaluations,
  options: WidthOptions,
): Promise<Base> {
  const { profile, pins = {}, madeUp = false, rate, denseCosts } = options;
  const whole: Base = { graph: dense, studied, costs: denseCosts, widths: new Map(), planned: [] };
  if (studied.every(({ channelHarms }) => !channelHarms)) return whole;
  const groups = offered(widthGroups(dense, profile), denseCosts.ms, pins, !madeUp);
  const harms = studied.map(({ channelHarms }) => channelHarms);
  const carried = await carryOut(dense, evaluator, options, (part) =>
    pickWidths(groups, harms, part * rate, pins),
  );
  if (!carried) return whole;
  const { key, widths, attempted } = carried;
  const narrowing: Narrowing = { key, widths, weights: attempted.weights };
  const base = baseOf(dense, narrowing);
  const again = await Promise.all(
    base.layers.map(async (layer, i): Promise<Studied> => {
      const before = studied[i]!;
      const { choices } = isNarrower(base.kept[i]!, before.layer)
        ? await evaluator.study(i, narrowing)
        : before;
      return { layer, choices };
    }),
  );
  return {
    graph: base.graph,
    studied: again,
    costs: costsOf(base.graph, profile),
    widths,
    planned: groups.flatMap(({ name, units }) => {
      const dropped = widths.get(name);
      return dropped ? [{ group: name, units, dropped }] : [];
    }),
    carried: { key, attempted },
  };
}

/** The widths of the boldest part of the rate that costs little; by hand whatever they cost. */
async function carryOut(
  dense: Graph,
  evaluator: Evaluations,
  { pins = {}, drop, denseCosts, denseScore }: WidthOptions,
  widthsAt: (part: number) => Widths,
): Promise<{ key: string; widths: Widths; attempted: Attempted } | undefined> {
  const byHand = narrowsByHand(pins);
  const tried = new Set<string>();
  for (const part of parts) {
    const widths = widthsAt(part);
    const key = keyOfWidths(widths);
    if (widths.size === 0 || tried.size === mostAttempts) break;
    if (tried.has(key)) continue;
    tried.add(key);
    const attempted = await evaluator.attempt(key, untouched(narrowed(dense, widths)), widths);
    const pays = attempted.ms < denseCosts.ms && denseScore - attempted.score <= leastPart * drop;
    if (pays || byHand) return { key, widths, attempted };
  }
  return undefined;
}

/** All weights of a narrower network. */
const untouched = ({ layers }: NarrowedNetwork) =>
  layers.map(({ weights }) => ({
    scheme: 'none' as const,
    mask: new Uint8Array(weights.length).fill(1),
  }));
