// Which channels must go together when a network is narrowed: op records tie axes, this follows them.

import { type AxisLink, elementwise } from './channels.ts';
import { type Graph, splitInputs, topologicalOrder } from './graph.ts';
import { inferOp, opOf } from './infer.ts';
import type { Node, OpNode } from './node.ts';
import { indicesOf, type Place, type Ties, tieUnits, unitsOf } from './tie-units.ts';

/** One axis that a group narrows. */
export interface NarrowedAxis {
  readonly node: Node;
  readonly axis: number;
  /** For each unit of the group, the indices along the axis that go with it. */
  readonly indices: readonly (readonly number[])[];
}

/** Units of channels alike: each may go by itself, from all of the group's axes at once. */
export interface ChannelGroup {
  readonly units: number;
  /** Constants and values, in the order of evaluation. */
  readonly axes: readonly NarrowedAxis[];
  /** Why no unit can go; absent where they can. */
  readonly frozen?: string;
}

/**
 * The groups of channels which constants produce or consume: through residual adds, concats,
 * depthwise convs, flattening, attention heads, as far as the ops' `channels` carry.
 */
export function channelGroups(graph: Graph): ChannelGroup[] {
  const order = topologicalOrder(graph);
  const ties = tieUnits(order);
  for (const node of order)
    if (node.kind === 'input') freezeAll(ties, node, `reaches input ${node.name}`);
  for (const { name, node } of graph.outputs) freezeAll(ties, node, `reaches output ${name}`);
  const steps = order.flatMap((node) => (node.kind === 'op' ? stepsOf(node) : []));
  // Plain ties and barriers first: they say which of the alternatives can change at all.
  for (const step of steps) applyPlain(ties, step);
  for (const step of steps) applyAlternatives(ties, step);
  return groupsOf(order, ties);
}

/** An op or its epilogue: the links of one, over nodes. */
interface Step {
  readonly links: readonly Link[];
  /** The values whose axes the links have to mention. */
  readonly operands: readonly Node[];
  readonly result: Node | undefined;
  readonly reason: string;
}

/** The alternatives of a link, first choice first. */
type Link = readonly (readonly Place[])[];

function stepsOf(node: OpNode): Step[] {
  const { own, extras } = splitInputs(node);
  const types = (nodes: readonly Node[]) => nodes.map(({ type }) => type);
  const result = inferOp(node.op, types(own), node.attrs);
  const links = opOf(node.op).channels(node.attrs, types(own), result);
  const reason = `${node.name} (${node.op}) needs the whole axis`;
  const over = (operands: readonly Node[], all: readonly AxisLink[]) =>
    all.map((link) => alternativesOf(link, operands, node));
  const step = { links: over(own, links), operands: own, result: node, reason };
  if (extras.length === 0) return [step];
  const broadcast = over(extras, elementwise(types(extras), result));
  return [step, { links: broadcast, operands: extras, result: undefined, reason }];
}

function alternativesOf(link: AxisLink, operands: readonly Node[], result: Node): Link {
  const places = link.places.map(
    ({ of, ...place }): Place => ({ ...place, node: of === 'output' ? result : operands[of]! }),
  );
  return link.otherwise ? [places, ...alternativesOf(link.otherwise, operands, result)] : [places];
}

function applyPlain(ties: Ties, step: Step): void {
  const plain = step.links.filter((link) => link.length === 1).flat();
  for (const places of plain) ties.tie(places);
  freezeUnmentioned(ties, step, step.links.flat());
}

function applyAlternatives(ties: Ties, step: Step): void {
  if (step.links.every((link) => link.length === 1)) return;
  const chosen = step.links.map((link) => {
    const places = link.find((choice) => !ties.touchesFrozen(choice)) ?? link[0]!;
    if (link.length > 1) ties.tie(places);
    return places;
  });
  freezeUnmentioned(ties, step, chosen);
}

/** Freezes what no link covers: whole axes of operands, single indices of the result. */
function freezeUnmentioned(ties: Ties, step: Step, links: readonly (readonly Place[])[]): void {
  const places = links.flat();
  const free = (node: Node) =>
    node.type.shape.flatMap((_, axis) =>
      places.some((place) => place.node === node && place.axis === axis) ? [] : [axis],
    );
  for (const node of step.operands)
    for (const axis of free(node)) ties.freeze(node, axis, whole(node, axis), step.reason);
  const { result } = step;
  if (!result) return;
  result.type.shape.forEach((_, axis) => {
    const left = new Set(whole(result, axis));
    for (const link of links) {
      const units = unitsOf(link);
      for (const place of link)
        if (place.node === result && place.axis === axis)
          for (let u = 0; u < units; u++)
            for (const index of indicesOf(place, units, u)) left.delete(index);
    }
    ties.freeze(result, axis, left, step.reason);
  });
}

const whole = (node: Node, axis: number): Iterable<number> => Array(node.type.shape[axis]!).keys();

function freezeAll(ties: Ties, node: Node, reason: string): void {
  node.type.shape.forEach((_, axis) => {
    ties.freeze(node, axis, whole(node, axis), reason);
  });
}

/** Sets that hold indices of the same axes, as many of each, are the units of one group. */
function groupsOf(order: readonly Node[], ties: Ties): ChannelGroup[] {
  const sets = new Map<number, NarrowedUnit[]>();
  for (const node of order)
    node.type.shape.forEach((_, axis) => {
      for (const index of whole(node, axis)) {
        const set = ties.setOf(node, axis, index);
        const axes = sets.get(set) ?? [];
        sets.set(set, axes);
        const last = axes[axes.length - 1];
        if (last?.node === node && last.axis === axis) last.indices.push(index);
        else axes.push({ node, axis, indices: [index] });
      }
    });

  const groups = new Map<string, { readonly units: NarrowedUnit[][]; readonly frozen?: string }>();
  for (const [set, axes] of sets) {
    if (axes.length < 2 || axes.every(({ node }) => node.kind !== 'constant')) continue;
    const frozen = ties.reasonOf(set);
    const shape = axes.map(({ node, axis, indices }) => `${node.id}.${axis}x${indices.length}`);
    const key = `${shape.join()} ${frozen ?? ''}`;
    const group = groups.get(key) ?? { units: [], ...(frozen !== undefined && { frozen }) };
    groups.set(key, group);
    group.units.push(axes);
  }
  return [...groups.values()].map(({ units, frozen }) => ({
    units: units.length,
    axes: units[0]!.map(({ node, axis }, i) => ({
      node,
      axis,
      indices: units.map((unit) => unit[i]!.indices),
    })),
    ...(frozen !== undefined && { frozen }),
  }));
}

interface NarrowedUnit {
  readonly node: Node;
  readonly axis: number;
  readonly indices: number[];
}
