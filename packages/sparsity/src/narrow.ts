// Takes channels out of a network: constants lose rows and columns, values lose channels, together.

import {
  type AttrsOf,
  assert,
  type Builder,
  type ChannelGroup,
  type ConstantNode,
  createBuilder,
  type Graph,
  type Node,
  type OpNode,
  operands,
  rowMajorStrides,
  type Tensor,
  topologicalOrder,
} from '@espalier/ir';
import { badScheme } from './errors.ts';

/**
 * The total of the scores of each unit of a group, over all constants that it narrows.
 *
 * @param scores One list a constant, in the order of its elements; constants without one do not count.
 */
export function channelScores(
  group: ChannelGroup,
  scores: ReadonlyMap<Node, Float32Array>,
): Float64Array {
  const totals = new Float64Array(group.units);
  for (const { node, axis, indices } of group.axes) {
    const own = scores.get(node);
    if (!own) continue;
    const { shape } = node.type;
    const stride = rowMajorStrides(shape)[axis]!;
    const unitOf = new Map(indices.flatMap((list, unit) => list.map((index) => [index, unit])));
    own.forEach((score, at) => {
      const unit = unitOf.get(Math.floor(at / stride) % shape[axis]!);
      if (unit !== undefined) totals[unit]! += score;
    });
  }
  return totals;
}

/** A graph that has lost channels. */
export interface Narrowed {
  readonly graph: Graph;
  /** What has become of each node. */
  readonly became: ReadonlyMap<Node, Node>;
  /** The indices along an axis of a node of the graph before that are left. */
  kept(node: Node, axis: number): readonly number[];
}

/**
 * The graph without some units of a group of coupled channels.
 *
 * @throws {EspalierError} BAD_SCHEME for a group that cannot be narrowed, or that would lose all.
 */
export const narrow = (graph: Graph, group: ChannelGroup, dropped: ReadonlySet<number>): Graph =>
  narrowAll(graph, new Map([[group, dropped]])).graph;

/**
 * The graph without some units of several of its groups.
 *
 * @throws {EspalierError} BAD_SCHEME for a group that cannot be narrowed, or that would lose all.
 */
export function narrowAll(
  graph: Graph,
  dropped: ReadonlyMap<ChannelGroup, ReadonlySet<number>>,
): Narrowed {
  const gone = goneFrom(dropped);
  const kept = (node: Node, axis: number): number[] => {
    const lost = gone.get(node)?.get(axis);
    return Array.from(Array(node.type.shape[axis]!).keys()).filter((index) => !lost?.has(index));
  };
  const shapeOf = (node: Node) => node.type.shape.map((_, axis) => kept(node, axis).length);

  const b = createBuilder(graph);
  const became = new Map<Node, Node>();
  for (const node of topologicalOrder(graph)) {
    if (!gone.has(node) && operands(node).every((operand) => became.get(operand) === operand)) {
      became.set(node, node);
      continue;
    }
    assert(node.kind !== 'input', 'groups that reach inputs are frozen');
    const narrowed =
      node.kind === 'constant'
        ? b.named(node.name).constant(
            sliced(node, (axis) => kept(node, axis)),
            node.name,
          )
        : narrowedOp(
            b.named(node.name),
            node,
            operands(node).map((operand) => became.get(operand)!),
            {
              shape: shapeOf(node),
              kept: (axis) => kept(operands(node)[0]!, axis),
            },
          );
    assert(
      narrowed.type.shape.every((extent, axis) => extent === shapeOf(node)[axis]),
      `${node.name} is narrowed to [${shapeOf(node)}], not to [${narrowed.type.shape}]`,
    );
    became.set(node, narrowed);
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: became.get(node)! }));
  return { graph: { inputs: graph.inputs, outputs }, became, kept };
}

/** The indices that go, by node and axis. */
function goneFrom(
  dropped: ReadonlyMap<ChannelGroup, ReadonlySet<number>>,
): ReadonlyMap<Node, ReadonlyMap<number, ReadonlySet<number>>> {
  const gone = new Map<Node, Map<number, Set<number>>>();
  for (const [group, units] of dropped) {
    if (group.frozen) throw badScheme('channel', group.frozen);
    if (units.size >= group.units) throw badScheme('channel', 'no channel would be left');
    for (const { node, axis, indices } of group.axes) {
      const axes = gone.get(node) ?? new Map<number, Set<number>>();
      gone.set(node, axes);
      const all = axes.get(axis) ?? new Set<number>();
      axes.set(axis, all);
      for (const unit of units) for (const index of indices[unit]!) all.add(index);
    }
  }
  return gone;
}

/** The elements of a constant that stay. */
function sliced({ value }: ConstantNode, kept: (axis: number) => readonly number[]): Tensor {
  const { shape, dtype } = value.type;
  const strides = rowMajorStrides(shape);
  let places = [0];
  shape.forEach((_, axis) => {
    const list = kept(axis);
    places = places.flatMap((place) => list.map((index) => place + index * strides[axis]!));
  });
  const data = value.data.slice(0, places.length);
  places.forEach((place, i) => {
    data[i] = value.data[place]!;
  });
  return { type: { dtype, shape: shape.map((_, axis) => kept(axis).length) }, data };
}

/** The op over narrower operands, with the attributes that name sizes. */
function narrowedOp(
  b: Builder,
  node: OpNode,
  inputs: readonly Node[],
  { shape, kept }: { readonly shape: readonly number[]; readonly kept: (axis: number) => number[] },
): Node {
  const rewritten = attrsFor(node, inputs, shape, kept);
  return b.withInputs(node, inputs, rewritten);
}

function attrsFor(
  node: OpNode,
  inputs: readonly Node[],
  shape: readonly number[],
  kept: (axis: number) => number[],
): OpNode['attrs'] | undefined {
  if (node.op === 'reshape' || node.op === 'expand') return { ...node.attrs, shape };
  if (node.op === 'conv' || node.op === 'convTranspose') {
    const attrs = node.attrs as AttrsOf<'conv'>; // the two name their groups alike
    if (attrs.groups === 1) return undefined;
    const [, perGroup] = inputs[1]!.type.shape;
    const channels = inputs[0]!.type.shape[1]!;
    const groups = node.op === 'conv' ? channels / perGroup! : attrs.groups;
    return { ...attrs, groups };
  }
  if (node.op === 'slice') {
    const attrs = node.attrs as AttrsOf<'slice'>; // its op says so
    const starts = attrs.starts.map((start, axis) => {
      const at = kept(axis).findIndex((index) => index >= start);
      return attrs.steps[axis] === 1 ? Math.max(0, at) : start;
    });
    return { ...attrs, starts, sizes: shape };
  }
  return undefined;
}
