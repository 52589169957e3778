// Coupled channels that a plan may narrow: whatever reads them can be fitted anew to those that are left.

import { compile, latency, type Profile } from '@espalier/compiler';
import {
  type AttrsOf,
  type ChannelGroup,
  channelGroups,
  type Graph,
  type Node,
  type OpNode,
  operands,
  separateConstants,
  splitInputs,
  topologicalOrder,
} from '@espalier/ir';
import { prunableLayers } from '../layers.ts';

/** A layer that reads the channels of a group. */
export interface Reader {
  /** Its place among the layers. */
  readonly layer: number;
  /** The unit that each of its input channels belongs to; -1 for those of other groups. */
  readonly units: Int32Array;
}

/** Channels that go together. */
export interface WidthGroup {
  /** Its place among the groups, and the op that makes the channels first: the same in every graph with the same structure. */
  readonly name: string;
  readonly units: number;
  /** Names of the ops whose results lose channels with it, and of those that are layers also as such. */
  readonly makers: readonly string[];
  readonly readers: readonly Reader[];
  /** What one unit of it takes, ms. */
  readonly unitMs: number;
  /** Why it is left alone; absent where units may go. */
  readonly refused?: string;
}

/** A group, and the channels of the graph that it stands for. */
export interface NamedGroup {
  readonly name: string;
  readonly group: ChannelGroup;
}

/** Groups of a graph whose ops read constants of their own. */
export const namedGroups = (separated: Graph): NamedGroup[] =>
  channelGroups(separated).map((group, index) => {
    const maker = group.axes.find(({ node }) => node.kind === 'op') ?? group.axes[0]!;
    return { name: `${index}:${maker.node.name}`, group };
  });

/** The groups of a network, and what their channels cost a device. */
export function widthGroups(dense: Graph, profile: Profile): WidthGroup[] {
  const graph = separateConstants(dense);
  const order = topologicalOrder(graph);
  const ops = order.filter((node) => node.kind === 'op');
  const layers = prunableLayers(graph);
  const layerOf = new Map<Node, number>(layers.map(({ node }, i) => [node, i]));
  const msOf = timesOf(dense, ops, profile);
  return namedGroups(graph).map(({ name, group }) => {
    const extentsOf = new Map<Node, Map<number, readonly (readonly number[])[]>>();
    for (const { node, axis, indices } of group.axes)
      extentsOf.set(node, (extentsOf.get(node) ?? new Map()).set(axis, indices));
    const readers: Reader[] = [];
    let unitMs = 0;
    let refused = group.frozen;
    for (const node of ops) {
      const makes = extentsOf.get(node);
      const own = readBy(node, extentsOf);
      for (const [axis, indices] of makes ?? [])
        unitMs += (msOf.get(node)! * indices[0]!.length) / node.type.shape[axis]!;
      if (own) {
        const channels = node.inputs[1]!.type.shape[1]!;
        unitMs += (msOf.get(node)! * own[0]!.length) / channels;
        const layer = layerOf.get(node);
        if (layer === undefined) refused ??= `${node.name} is too small to make up for channels`;
        else readers.push({ layer, units: unitsOf(own, channels) });
      } else if (!makes && operands(node).some((operand) => extentsOf.has(operand)))
        refused ??= `${node.name} (${node.op}) adds them up`;
    }
    if (readers.length === 0) refused ??= 'no layer reads them';
    const makers = ops
      .filter((node) => extentsOf.has(node))
      .flatMap((node) => {
        const layer = layerOf.get(node);
        return layer === undefined ? [node.name] : [node.name, layers[layer]!.name];
      });
    const common = { name, units: group.units, makers, readers, unitMs };
    return refused === undefined ? common : { ...common, refused };
  });
}

/** The indices along the input channels of a layer's weights that belong to a group. */
function readBy(
  node: OpNode,
  extentsOf: ReadonlyMap<Node, ReadonlyMap<number, readonly (readonly number[])[]>>,
): readonly (readonly number[])[] | undefined {
  if (node.op !== 'conv' && node.op !== 'linear') return undefined;
  const { own } = splitInputs(node);
  const grouped = node.op === 'conv' && (node.attrs as AttrsOf<'conv'>).groups > 1; // its op says so
  return grouped ? undefined : extentsOf.get(own[1]!)?.get(1);
}

/** The unit of each of some channels. */
function unitsOf(indices: readonly (readonly number[])[], channels: number): Int32Array {
  const units = new Int32Array(channels).fill(-1);
  for (const [unit, own] of indices.entries()) for (const index of own) units[index] = unit;
  return units;
}

/** What each op takes in the whole network, ms. */
function timesOf(
  dense: Graph,
  ops: readonly OpNode[],
  profile: Profile,
): ReadonlyMap<Node, number> {
  const { report } = compile(dense, { profile });
  const times = new Map<string, number>();
  // Steps are called after their ops.
  for (const { label, ms } of latency(report.work, profile).steps) {
    const name = label.slice(label.lastIndexOf(' ') + 1);
    times.set(name, (times.get(name) ?? 0) + ms);
  }
  return new Map(ops.map((node) => [node, times.get(node.name.split(' ').at(-1)!) ?? 0]));
}
