// What a program costs a device: time, bytes to download, memory.

import { compile, latency, type Profile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';

/** What a network, or one layer of it, is predicted to cost. */
export interface Costs {
  readonly ms: number;
  /** What a browser loads: weights, and one module of code. */
  readonly bytes: number;
  /** Weights as they are unpacked, activations and ports. */
  readonly memoryBytes: number;
}

/** Upper bounds; what is left out is not bounded. */
export type Limits = Partial<Costs>;

/** The names of costs. */
export const costNames = ['ms', 'bytes', 'memoryBytes'] as const satisfies readonly (keyof Costs)[];

/** Each cost by a function of its name. */
export const eachCost = (f: (name: keyof Costs) => number): Costs => ({
  ms: f('ms'),
  bytes: f('bytes'),
  memoryBytes: f('memoryBytes'),
});

/** Compiles a network and adds up what it costs. */
export function costsOf(graph: Graph, profile: Profile): Costs {
  const { report, weights, modules } = compile(graph, { profile });
  return {
    ms: latency(report.work, profile).totalMs,
    bytes: weights.length + modules.relaxed.length,
    memoryBytes: report.arenaBytes + report.weightBytes,
  };
}

/** The limits that some costs exceed. */
export const exceeded = (costs: Costs, limits: Limits): (keyof Costs)[] =>
  costNames.filter((name) => costs[name] > (limits[name] ?? Number.POSITIVE_INFINITY));
