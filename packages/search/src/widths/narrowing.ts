// A narrower network that layers are studied in, once the channels that go are known.

import type { Graph } from '@espalier/ir';
import { type NewWeights, withLayers } from '../layers.ts';
import { type NarrowedNetwork, narrowed, type Widths } from './narrowed.ts';

/** Channels that go, and weights of the layers, as wide as they were, that make up for it. */
export interface Narrowing {
  /** Says which channels these are. */
  readonly key: string;
  readonly widths: Widths;
  readonly weights: ReadonlyMap<string, NewWeights>;
}

/** The key of some widths: equal keys, equal channels. */
export const keyOfWidths = (widths: Widths): string =>
  [...widths].map(([name, units]) => `${name} without ${units.join()}`).join('; ');

/** The narrower network with its weights. */
export const baseOf = (
  dense: Graph,
  { widths, weights }: Omit<Narrowing, 'key'>,
): NarrowedNetwork => narrowed(withLayers(dense, weights), widths);

/** The network of a plan: other weights, then fewer channels. */
export const networkOf = (
  dense: Graph,
  weights: ReadonlyMap<string, NewWeights>,
  widths: Widths,
): Graph =>
  widths.size === 0 ? withLayers(dense, weights) : baseOf(dense, { widths, weights }).graph;
