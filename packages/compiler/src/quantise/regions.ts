// Which values are held as codes: what convolutions of codes read, and what leads to it without arithmetic.

import {
  type AttrsOf,
  elementCount,
  type Graph,
  type Node,
  operands,
  sameShape,
  splitInputs,
  topologicalOrder,
} from '@espalier/ir';

/** Convolutions and linear layers whose constant weights can be codes. */
export function isHost(node: Node): boolean {
  if (node.kind !== 'op' || (node.op !== 'conv' && node.op !== 'linear')) return false;
  const [x, w, bias] = node.inputs;
  return (
    x?.kind !== 'constant' &&
    w?.kind === 'constant' &&
    bias?.kind === 'constant' &&
    elementCount(w.type.shape) > 0 &&
    elementCount(node.type.shape) > 0
  );
}

const movers: readonly string[] = ['reshape', 'transpose', 'slice', 'concat', 'maxPool'];

/** Ops that take codes and give codes of the same meaning. */
export const isMover = (node: Node): boolean =>
  node.kind === 'op' &&
  !node.epilogue &&
  (movers.includes(node.op) || (node.op === 'pad' && (node.attrs as AttrsOf<'pad'>).value === 0)) && // its op says so
  node.type.dtype === 'f32';

const isMap = (node: Node): boolean =>
  node.kind === 'op' && node.op === 'map' && node.type.dtype === 'f32';

/** Values that are held as codes, in order of evaluation. */
export function codedValues(graph: Graph): Node[] {
  const order = topologicalOrder(graph);
  const coded = new Set<Node>();
  for (const node of [...order].reverse()) {
    const { own, extras } = node.kind === 'op' ? splitInputs(node) : { own: [], extras: [] };
    if (isHost(node)) coded.add(own[0]!);
    if (!coded.has(node)) continue;
    // What makes codes of floats in passing may as well be given codes, if they save memory.
    const through = isMover(node) ? own : isMap(node) ? own : isHost(node) ? extras : [];
    for (const input of through) {
      const isLarge = isMover(node) || sameShape(input.type.shape, node.type.shape);
      if (isLarge && (isHost(input) || isMover(input) || isMap(input))) coded.add(input);
    }
  }
  return order.filter((node) => coded.has(node));
}

/** Values whose codes must mean the same: the first of each class, by value. */
export function codeClasses(coded: readonly Node[]): Map<Node, Node> {
  const parent = new Map<Node, Node>(coded.map((node) => [node, node]));
  const find = (node: Node): Node => {
    let root = node;
    while (parent.get(root) !== root) root = parent.get(root)!;
    return root;
  };
  for (const node of coded) {
    if (!isMover(node)) continue;
    // Operands that are not coded are coded for this reader alone.
    for (const input of operands(node)) if (parent.has(input)) parent.set(find(node), find(input));
  }
  return new Map(coded.map((node) => [node, find(node)]));
}
