// Which values are held as codes: what convolutions of codes read, and what leads to it without arithmetic.

import {
  type AttrsOf,
  elementCount,
  type Graph,
  type Node,
  type OpNode,
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

/** Pictures have at most so many channels. */
const pictureChannels = 4;

/**
 * Whether a host reads a picture: few channels, and nothing before that could give codes. Pictures have 8 bits,
 * which 7 would spoil for all that follows, and few products go into them: they are two planes of codes.
 */
export function readsPicture(host: OpNode): boolean {
  const x = host.inputs[0]!;
  if (host.op !== 'conv' || (host.attrs as AttrsOf<'conv'>).groups !== 1) return false;
  const isSource =
    x.kind === 'input' ||
    (x.kind === 'op' && isMap(x) && x.inputs.every((input) => input.kind !== 'op'));
  return isSource && x.type.shape[1]! <= pictureChannels;
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

/**
 * Values that later ones are added to, as the blocks of a residual network are. They stay floats, and only their
 * readers' copies are codes: otherwise the rounding of each block would stay for good.
 */
function streams(order: readonly Node[]): Set<Node> {
  const found = new Set<Node>();
  for (const node of [...order].reverse()) {
    if (node.kind !== 'op') continue;
    const { own, extras } = splitInputs(node);
    const added = isHost(node) ? extras : isMap(node) && own.length > 1 ? own : [];
    for (const input of added) if (sameShape(input.type.shape, node.type.shape)) found.add(input);
    if (found.has(node) && isMover(node)) for (const input of own) found.add(input);
  }
  return found;
}

/** Values that are held as codes, in order of evaluation. */
export function codedValues(graph: Graph): Node[] {
  const order = topologicalOrder(graph);
  const floats = streams(order);
  const coded = new Set<Node>();
  const add = (node: Node) => {
    if (!floats.has(node)) coded.add(node);
  };
  for (const node of [...order].reverse()) {
    if (node.kind !== 'op') continue;
    const { own } = splitInputs(node);
    if (isHost(node) && !readsPicture(node)) add(own[0]!);
    if (!coded.has(node) || !(isMover(node) || isMap(node))) continue;
    // What makes codes of floats in passing may as well be given codes.
    for (const input of own) {
      const isLarge = isMover(node) || sameShape(input.type.shape, node.type.shape);
      if (isLarge && (isHost(input) || isMover(input) || isMap(input))) add(input);
    }
  }
  return order.filter((node) => coded.has(node));
}

/** Every value whose range has to be known: what is held as codes, and what hosts read. */
export const quantisedValues = (graph: Graph): Node[] => [
  ...new Set([
    ...codedValues(graph),
    ...topologicalOrder(graph).flatMap((node) =>
      node.kind === 'op' && isHost(node) ? [node.inputs[0]!] : [],
    ),
  ]),
];
