// Loops as TensorFlow's first version wrote them: a frame of nodes which values enter, go round in and leave.

import type { Location } from '@espalier/ir';
import { badModel } from '../../errors.ts';
import { attributesOf } from '../attributes.ts';
import type { Nodes, Ref, TfNode } from './nodes.ts';

/** A value that goes round. */
interface Carried {
  /** The node that stands for it in each round. */
  readonly merge: string;
  /** The node through which it enters. */
  readonly enter: string;
  /** What it is in the next round. */
  readonly next: Ref;
}

/** The nodes of one frame. */
export interface Loop {
  readonly name: string;
  /** Every node through which values enter, and what enters. */
  readonly enters: readonly { readonly name: string; readonly value: Ref }[];
  readonly carried: readonly Carried[];
  /** The node that says whether there is another round. */
  readonly condition: string;
}

/** Which value of which loop a node gives to those outside. */
interface Leaving {
  readonly loop: Loop;
  readonly merge: string;
}

/** The nodes through which values leave loops, by name. @throws {EspalierError} BAD_MODEL */
export function findLoops(nodes: Nodes, at: Location): ReadonlyMap<string, Leaving> {
  const all = [...nodes.values()];
  const frames = new Map<string, TfNode[]>();
  for (const node of all)
    if (node.op === 'Enter') {
      const frame = attributesOf(node.attrs, { ...at, node: node.name }).text('frame_name', '');
      frames.set(frame, [...(frames.get(frame) ?? []), node]);
    }
  const loops = new Map<string, Loop>(); // by each of its merges
  const merges = all.filter(({ op }) => op === 'Merge');
  const conditions = new Map<string, string>(); // by what they decide about
  for (const { op, inputs } of all) {
    const [data, decides] = inputs;
    if (op === 'Switch' && data && decides && nodes.get(decides.node)?.op === 'LoopCond')
      conditions.set(data.node, decides.node);
  }
  for (const [name, enters] of frames) {
    const own = new Set(enters.map((node) => node.name));
    const carried = merges.flatMap(({ name: merge, inputs }): Carried[] => {
      const enter = inputs.find(({ node }) => own.has(node))?.node;
      const next = inputs.map(({ node }) => nodes.get(node)).find((n) => n?.op === 'NextIteration');
      const [back] = next?.inputs ?? [];
      return enter !== undefined && back ? [{ merge, enter, next: back }] : [];
    });
    const condition = carried.map(({ merge }) => conditions.get(merge)).find(Boolean);
    if (condition === undefined) continue;
    const loop: Loop = {
      name,
      enters: enters.map((node) => {
        const [value] = node.inputs;
        if (!value) throw badModel('nothing enters the loop', { ...at, node: node.name });
        return { name: node.name, value };
      }),
      carried,
      condition,
    };
    for (const { merge } of carried) loops.set(merge, loop);
  }
  const leaving = new Map<string, Leaving>();
  for (const { op, name, inputs } of all) {
    const decided = op === 'Exit' && inputs[0] ? nodes.get(inputs[0].node) : undefined;
    const merge = decided?.op === 'Switch' ? decided.inputs[0]?.node : undefined;
    const loop = merge === undefined ? undefined : loops.get(merge);
    if (loop && merge !== undefined) leaving.set(name, { loop, merge });
  }
  return leaving;
}
