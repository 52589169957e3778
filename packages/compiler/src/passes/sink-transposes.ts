// Models of TensorFlow's family keep channels last: what lies between two layers works on transposes of their images.
// Moved behind it, the transposes meet and vanish, and layers see what they can take into their epilogues.

import {
  type AttrsOf,
  type Builder,
  type ConstantNode,
  elementCount,
  evaluateConstant,
  type Graph,
  type Node,
  type OpNode,
  rebuild,
  sameShape,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

/** From `[N, C, H, W]` to `[N, H, W, C]`, and back. */
const channelsLast = [0, 2, 3, 1];
const channelsFirst = [0, 3, 1, 2];

const isOp = (node: Node, op: string): node is OpNode =>
  node.kind === 'op' && node.op === op && !node.epilogue;

/** The image that a node is the transpose of. */
function imageOf(node: Node): Node | undefined {
  if (!isOp(node, 'transpose')) return undefined;
  const { perm } = node.attrs as AttrsOf<'transpose'>; // its op says so
  return sameShape(perm, channelsLast) ? node.inputs[0] : undefined;
}

/** A constant that broadcasts over `[N, H, W, C]`, for `[N, C, H, W]`. */
function constantOf(b: Builder, node: ConstantNode): Node | undefined {
  const { shape } = node.type;
  if (elementCount(shape) === 1 && shape.length <= 1) return node;
  if (shape.length > 4) return undefined;
  const wide = [...new Array<number>(4 - shape.length).fill(1), ...shape];
  const moved = evaluateConstant(
    b.transpose(b.reshape(node, { shape: wide }), { perm: channelsFirst }),
  );
  return moved && b.constant(moved, node.name);
}

/** `values`, an entry for each axis of `[N, H, W, C]`, for `[N, C, H, W]`. */
const forImage = (values: readonly number[]): number[] =>
  channelsFirst.map((axis) => values[axis]!);

type Sink = (b: Builder, node: OpNode, inputs: readonly Node[]) => Node | undefined;

/** map(transpose(x), c) -> transpose(map(x, c′)) */
const map: Sink = (b, node, inputs) => {
  let images = 0;
  const operands = inputs.map((input) => {
    const image = imageOf(input);
    if (image === undefined) return input.kind === 'constant' ? constantOf(b, input) : undefined;
    if (!sameShape(input.type.shape, node.type.shape)) return undefined;
    images++;
    return image;
  });
  const known = operands.filter((operand) => operand !== undefined);
  if (images === 0 || known.length < operands.length) return undefined;
  return b.map(known, node.attrs as AttrsOf<'map'>); // its op says so
};

/** pad(transpose(x)) -> transpose(pad(x)) */
const pad: Sink = (b, node, [x]) => {
  const image = x && imageOf(x);
  const { before, after, value } = node.attrs as AttrsOf<'pad'>; // its op says so
  return image && b.pad(image, { before: forImage(before), after: forImage(after), value });
};

/** concat(transpose(x), transpose(y)) -> transpose(concat(x, y)) */
const concat: Sink = (b, node, inputs) => {
  const images = inputs.map(imageOf).filter((image) => image !== undefined);
  const { axis } = node.attrs as AttrsOf<'concat'>; // its op says so
  if (images.length < inputs.length) return undefined;
  return b.concat(images, { axis: channelsLast[axis]! });
};

/** reduce(transpose(x)) -> transpose(reduce(x)), where the axes stay */
const reduce: Sink = (b, node, [x]) => {
  const image = x && imageOf(x);
  const attrs = node.attrs as AttrsOf<'reduce'>; // its op says so
  if (!image || !attrs.keepDims) return undefined;
  const axes = attrs.axes.map((axis) => channelsLast[axis]!).sort((a, c) => a - c);
  return b.reduce(image, { ...attrs, axes });
};

const sinks: Readonly<Record<string, Sink>> = { concat, map, pad, reduce };

function sink(graph: Graph): Graph {
  return rebuild(graph, (node, inputs, b) => {
    if (node.kind !== 'op' || node.epilogue) return undefined;
    const below = sinks[node.op]?.(b, node, inputs);
    return below && b.transpose(below, { perm: channelsLast });
  });
}

export const sinkTransposes = definePass({
  name: 'sink-transposes',
  summary: 'Moves transposes of images behind what works element by element, pads, joins or folds.',
  run: sink,
});
