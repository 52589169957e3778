// Channels through movers: which channel of a result holds which of an operand, and which therefore share a scale.

import {
  type AttrsOf,
  type Graph,
  type Node,
  type OpNode,
  splitInputs,
  topologicalOrder,
} from '@espalier/ir';
import { isMover } from './regions.ts';

/** Channels that have a scale each: axis 1 of images and of rows of features; others have one scale. */
export const channelsOf = ({ type: { shape } }: Node): number =>
  shape.length === 4 || shape.length === 2 ? shape[1]! : 1;

/** Which channel of a mover's result holds each channel of its operand, −1 for none; `undefined`: any. */
export function movedChannels(mover: OpNode, index: number): readonly number[] | undefined {
  const { own } = splitInputs(mover);
  const input = own[index]!;
  const [from, to] = [input.type.shape, mover.type.shape];
  const channels = channelsOf(input);
  const shifted = (by: number, step = 1) =>
    Array.from({ length: channels }, (_, channel) => (channel + by) / step).map((channel) =>
      Number.isInteger(channel) && channel < channelsOf(mover) ? Math.max(-1, channel) : -1,
    );
  if (channels === 1 && channelsOf(mover) === 1) return [0];
  if (from.length !== 4 && from.length !== 2) return undefined;
  switch (mover.op) {
    case 'maxPool':
      return shifted(0);
    case 'pad':
      return shifted((mover.attrs as AttrsOf<'pad'>).before[1]!);
    case 'slice': {
      const { starts, steps } = mover.attrs as AttrsOf<'slice'>; // the op says so, as in every case
      return steps[1]! > 0 ? shifted(-starts[1]!, steps[1]) : undefined;
    }
    case 'concat': {
      if ((mover.attrs as AttrsOf<'concat'>).axis !== 1) return shifted(0);
      const before = own.slice(0, index);
      return shifted(before.reduce((sum, other) => sum + other.type.shape[1]!, 0));
    }
    case 'reshape':
      return from[0] === to[0] && from[1] === to[1] && to.length % 2 === 0 && to.length <= 4
        ? shifted(0)
        : undefined;
    case 'transpose':
      return (mover.attrs as AttrsOf<'transpose'>).perm[1] === 1 ? shifted(0) : undefined;
    default:
      return undefined;
  }
}

/** Things that are found to be the same. */
interface Classes {
  find(item: number): number;
  join(a: number, b: number): void;
}

function classes(count: number): Classes {
  const parent = Int32Array.from({ length: count }, (_, item) => item);
  const find = (item: number): number => {
    let root = item;
    while (parent[root] !== root) root = parent[root]!;
    for (let next = item; next !== root; ) [next, parent[next]] = [parent[next]!, root];
    return root;
  };
  const join = (a: number, b: number) => {
    parent[find(a)] = find(b);
  };
  return { find, join };
}

/** What shares scales: channels that movers carry on; what shares the code of zero: their tensors. */
export interface Sharing {
  /** A number for the class of each channel of a value, unique among all values. */
  scaleOf(node: Node, channel: number): number;
  /** A number for the class of a value. */
  zeroOf(node: Node): number;
}

/** Values that a linear layer of rank 4 reads or gives: it mixes axis 3, where scales differ along axis 1. */
const mixed = (graph: Graph): Node[] =>
  topologicalOrder(graph).flatMap((node) =>
    node.kind === 'op' && node.op === 'linear' && node.type.shape.length === 4
      ? [node, node.inputs[0]!, ...splitInputs(node).extras]
      : [],
  );

/** Finds what shares codes among values of a graph that are held as codes. */
export function shareCodes(graph: Graph, coded: readonly Node[]): Sharing {
  const position = new Map(coded.map((node, i) => [node, i]));
  const first: number[] = [];
  let units = 0;
  for (const node of coded) {
    first.push(units);
    units += channelsOf(node);
  }
  const [scales, zeros] = [classes(units), classes(coded.length)];
  const joinAll = (index: number) => {
    for (let channel = 1; channel < channelsOf(coded[index]!); channel++)
      scales.join(first[index]! + channel, first[index]!);
  };
  for (const node of mixed(graph)) {
    const index = position.get(node);
    if (index !== undefined) joinAll(index);
  }
  coded.forEach((node, i) => {
    if (node.kind !== 'op' || !isMover(node)) return;
    splitInputs(node).own.forEach((input, index) => {
      const at = position.get(input);
      // Operands that are not coded are coded for this reader alone.
      if (at === undefined) return;
      zeros.join(i, at);
      const moved = movedChannels(node, index);
      if (moved) {
        moved.forEach((to, channel) => {
          if (to >= 0) scales.join(first[at]! + channel, first[i]! + to);
        });
        return;
      }
      joinAll(at);
      joinAll(i);
      scales.join(first[at]!, first[i]!);
    });
  });
  return {
    scaleOf: (node, channel) => scales.find(first[position.get(node)!]! + channel),
    zeroOf: (node) => zeros.find(position.get(node)!),
  };
}
