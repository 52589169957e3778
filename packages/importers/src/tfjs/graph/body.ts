// A list of nodes that can be run: in which order, and what its loops and branches are.

import type { Location } from '@espalier/ir';
import { badModel } from '../../errors.ts';
import { findLoops, type Loop } from './loops.ts';
import type { Nodes, TfNode } from './nodes.ts';

/** The nodes of a graph, a function, or one round of a loop. */
export interface Body {
  readonly nodes: Nodes;
  /** Goes before the names of its nodes in messages. */
  readonly prefix: string;
  readonly leaving: ReturnType<typeof findLoops>;
  /**
   * Every node that some need, operands first; what is given needs nothing.
   *
   * @throws {EspalierError} BAD_MODEL
   */
  order(roots: readonly string[], given: ReadonlySet<string>): readonly TfNode[];
  /** Conditions of branches that a node belongs to: it runs where they are taken. */
  branches(node: TfNode): readonly string[];
}

/** Prepares nodes to be run. @throws {EspalierError} BAD_MODEL */
export function bodyOf(nodes: Nodes, prefix: string, at: Location): Body {
  const leaving = findLoops(nodes, at);
  const branching = [...nodes.values()].some(({ op }) => op === 'Switch');
  const pivots = new Map<string, string | undefined>();

  /** A branch is named by a copy of one of its switch's results. */
  const pivotOf = (name: string): string | undefined => {
    if (pivots.has(name)) return pivots.get(name);
    const seen = new Set<string>();
    let node = nodes.get(name);
    // A switch itself runs before it is known which branch is taken.
    if (node?.op === 'Switch') return undefined;
    while (node?.op === 'Identity' && !seen.has(node.name)) {
      seen.add(node.name);
      node = node.inputs[0] && nodes.get(node.inputs[0].node);
    }
    const [, decides] = node?.op === 'Switch' ? node.inputs : [];
    const loops = decides && nodes.get(decides.node)?.op === 'LoopCond';
    const pivot = decides && !loops ? name : undefined;
    pivots.set(name, pivot);
    return pivot;
  };
  const branches = ({ controls }: TfNode): readonly string[] =>
    branching ? controls.flatMap((control) => pivotOf(control) ?? []) : [];

  const needs = (node: TfNode): readonly string[] => {
    const loop: Loop | undefined = leaving.get(node.name)?.loop;
    const operands = loop ? loop.enters.map(({ value }) => value) : node.inputs;
    return [...operands.map((ref) => ref.node), ...branches(node)];
  };

  const order: Body['order'] = (roots, given) => {
    const list: TfNode[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const stack: { node: TfNode; needs: readonly string[]; next: number }[] = [];
    const enter = (name: string) => {
      if (given.has(name)) return;
      const node = nodes.get(name);
      if (node === undefined) throw badModel(`node ${prefix}${name} is read, and is not there`, at);
      if (state.get(name) === 'open')
        throw badModel(`node ${prefix}${name} needs itself, outside of any loop`, at);
      if (state.has(name)) return;
      state.set(name, 'open');
      stack.push({ node, needs: needs(node), next: 0 });
    };
    for (const root of roots) {
      enter(root);
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const need = top.needs[top.next++];
        if (need !== undefined) enter(need);
        else {
          state.set(top.node.name, 'done');
          list.push(top.node);
          stack.pop();
        }
      }
    }
    return list;
  };
  return { nodes, prefix, leaving, order, branches };
}
