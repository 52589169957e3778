// Sets of channel indices that go or stay together, and whether they can go: a union-find.

import type { AxisPlace } from './channels.ts';
import { assert } from './errors.ts';
import type { Node } from './node.ts';

/** A place along an axis of a node of the graph. */
export interface Place extends Pick<AxisPlace, 'axis' | 'offset' | 'outer' | 'inner'> {
  readonly node: Node;
}

/** Every index of every axis of some nodes, in sets. */
export interface Ties {
  /** Ties unit `u` of all places, for every `u`. */
  tie(places: readonly Place[]): void;
  /** Whether an index of the places is in a set that cannot change. */
  touchesFrozen(places: readonly Place[]): boolean;
  /** The indices of a place, unit by unit. */
  freeze(node: Node, axis: number, indices: Iterable<number>, reason: string): void;
  /** The set that an index is in, as a number, and why it cannot change. */
  setOf(node: Node, axis: number, index: number): number;
  reasonOf(set: number): string | undefined;
}

const sizeOf = ({ outer = 1, inner = 1 }: Place): number => outer * inner;

const extentOf = ({ node, axis }: Place): number => node.type.shape[axis]!;

/** The indices of unit `u` among `units` of a place. */
export function* indicesOf(place: Place, units: number, u: number): Iterable<number> {
  const { offset = 0, outer = 1, inner = 1 } = place;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) yield offset + (o * units + u) * inner + i;
}

/** How many units places have: the first covers its whole axis. */
export function unitsOf(places: readonly Place[]): number {
  const [first] = places;
  assert(first, 'a link has places');
  const units = extentOf(first) / sizeOf(first);
  for (const place of places) {
    const end = (place.offset ?? 0) + units * sizeOf(place);
    assert(
      Number.isInteger(units) && end <= extentOf(place),
      `${units} units fit axis ${place.axis} of ${place.node.name}`,
    );
  }
  return units;
}

/** All indices of the nodes' axes, each in a set of its own. */
export function tieUnits(nodes: readonly Node[]): Ties {
  const bases = new Map<Node, number[]>();
  let count = 0;
  for (const node of nodes) {
    const own = node.type.shape.map((extent) => {
      count += extent;
      return count - extent;
    });
    bases.set(node, own);
  }
  const parents = Int32Array.from({ length: count }, (_, i) => i);
  const reasons = new Map<number, string>();

  function root(element: number): number {
    let at = element;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }

  const setOf = (node: Node, axis: number, index: number): number =>
    root(bases.get(node)![axis]! + index);

  function join(a: number, b: number): void {
    if (a === b) return;
    // The earlier index stands for the set, so that order and reasons do not depend on the ties'.
    const [low, high] = a < b ? [a, b] : [b, a];
    parents[high] = low;
    const reason = reasons.get(low) ?? reasons.get(high);
    if (reason !== undefined) reasons.set(low, reason);
  }

  function* elementsOf(places: readonly Place[], units: number, u: number): Iterable<number> {
    for (const place of places)
      for (const index of indicesOf(place, units, u)) yield setOf(place.node, place.axis, index);
  }

  return {
    setOf,
    reasonOf: (set) => reasons.get(set),

    tie(places) {
      const units = unitsOf(places);
      for (let u = 0; u < units; u++) {
        let first: number | undefined;
        for (const element of elementsOf(places, units, u)) {
          if (first === undefined) first = element;
          else join(root(first), element);
        }
      }
    },

    touchesFrozen(places) {
      const units = unitsOf(places);
      for (let u = 0; u < units; u++)
        for (const element of elementsOf(places, units, u)) if (reasons.has(element)) return true;
      return false;
    },

    freeze(node, axis, indices, reason) {
      for (const index of indices) {
        const set = setOf(node, axis, index);
        if (!reasons.has(set)) reasons.set(set, reason);
      }
    },
  };
}
