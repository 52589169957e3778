// Compositions become the primitives that they are made of.

import type { Graph } from './graph.ts';
import { opOf } from './infer.ts';
import { rebuild } from './rebuild.ts';

/** The graph in primitives only: what the interpreter runs and the targets compile. */
export function decompose(graph: Graph): Graph {
  const once = rebuild(graph, (node, inputs, b) => {
    if (node.kind !== 'op') return undefined;
    const op = opOf(node.op);
    if (!('decompose' in op)) return undefined;
    return op.decompose(b, inputs, node.attrs);
  });
  // A composition may be made of compositions; nothing is left to do when nothing changed.
  const settled = once.outputs.every(({ node }, i) => node === graph.outputs[i]!.node);
  return settled ? once : decompose(once);
}
