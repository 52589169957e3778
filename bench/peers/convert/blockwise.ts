// A pixel shuffle with the channels of PyTorch becomes one with those of TensorFlow, its weights reordered.

import {
  type AttrsOf,
  type Builder,
  createBuilder,
  type Graph,
  type Node,
  rebuild,
  splitInputs,
} from '@espalier/ir';

/** Reorders channels where that costs nothing at run time; elsewhere the shuffle stays. */
export function blockwise(graph: Graph): Graph {
  const b = createBuilder(graph);
  return rebuild(
    graph,
    (node, [x]) => {
      if (node.kind !== 'op' || node.op !== 'depthToSpace') return undefined;
      const { block, mode } = node.attrs as AttrsOf<'depthToSpace'>;
      if (mode === 'DCR') return undefined;
      const area = block * block;
      const channels = x!.type.shape[1]! / area;
      // Output k of the new order reads where the old order had channel k mod C, place k div C.
      const from = Array.from(
        { length: channels * area },
        (_, k) => (k % channels) * area + Math.floor(k / channels),
      );
      const reordered = reorder(x!, from, b);
      return reordered && b.depthToSpace(reordered, { block, mode: 'DCR' });
    },
    b,
  );
}

/** A value with channel `from[k]` as its channel `k`, if only weights have to be moved. */
function reorder(node: Node, from: readonly number[], b: Builder): Node | undefined {
  if (node.kind !== 'op') return undefined;
  const { own, extras } = splitInputs(node);
  const movable = node.op === 'map' || node.op === 'conv';
  if (!movable || (node.op === 'conv' && (node.attrs as AttrsOf<'conv'>).groups !== 1))
    return undefined;
  const rows = (constant: Node) => {
    if (constant.kind !== 'constant') return undefined;
    const { type, value } = constant;
    const width = value.data.length / from.length;
    const data = value.data.slice();
    from.forEach((row, k) => {
      data.set(value.data.subarray(row * width, (row + 1) * width), k * width);
    });
    return b.constant({ type, data });
  };
  const elementwise = (each: Node) => {
    if (each.type.shape.length === 4 && each.type.shape[1] === from.length)
      return each.kind === 'constant'
        ? each.type.shape[0] === 1
          ? rows(each)
          : undefined
        : reorder(each, from, b);
    // One number, or one for each pixel: the same in any order of channels.
    return each.type.shape.length < 3 || each.type.shape.at(-3) === 1 ? each : undefined;
  };
  const inputs =
    node.op === 'conv' ? [own[0]!, rows(own[1]!), rows(own[2]!)] : own.map(elementwise);
  const all = [...inputs, ...extras.map(elementwise)];
  return all.every((input) => input !== undefined) ? b.withInputs(node, all) : undefined;
}
