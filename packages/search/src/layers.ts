// The layers of a graph that can be pruned, and the graph with other weights.

import {
  type AttrsOf,
  type Builder,
  type ConstantNode,
  type Graph,
  type Node,
  type OpNode,
  rebuild,
  topologicalOrder,
} from '@espalier/ir';
import { type WeightShape, weightShape } from '@espalier/sparsity';

/** A layer with constant weights `[O, I, R, S]` or `[O, I]`. */
export interface Layer {
  /** The same in every graph with the same structure. */
  readonly name: string;
  readonly node: OpNode;
  readonly weights: Float32Array;
  readonly shape: WeightShape;
  /** R and S. */
  readonly window: readonly [number, number];
  /** Whether Winograd kernels run it: 3 × 3, stride 1. */
  readonly tiled: boolean;
}

/** Layers of fewer weights are not worth a plan. */
const fewestWeights = 512;

const weightsOf = (node: OpNode): ConstantNode | undefined => {
  const [, w, bias] = node.inputs;
  return w?.kind === 'constant' && bias?.kind === 'constant' ? w : undefined;
};

/** Layers in the order of evaluation: convolutions without groups and linear layers, the first layer left out. */
export function prunableLayers(graph: Graph): Layer[] {
  const found: Layer[] = [];
  for (const node of topologicalOrder(graph)) {
    if (node.kind !== 'op' || (node.op !== 'conv' && node.op !== 'linear')) continue;
    const w = weightsOf(node);
    if (!w || w.value.data.length < fewestWeights) continue;
    const [, channels, r = 1, s = 1] = w.type.shape as [number, number, number?, number?];
    if (node.op === 'conv') {
      const { groups, stride, dilation } = node.attrs as AttrsOf<'conv'>; // its op says so
      // What reads the picture itself has few weights and no zeros to spare.
      if (groups > 1 || channels <= 4) continue;
      const tiled = r === 3 && s === 3 && [...stride, ...dilation].every((step) => step === 1);
      found.push(layerOf(node, w, [r, s], tiled, found.length));
    } else found.push(layerOf(node, w, [1, 1], false, found.length));
  }
  return found;
}

const layerOf = (
  node: OpNode,
  w: ConstantNode,
  window: readonly [number, number],
  tiled: boolean,
  index: number,
): Layer => ({
  name: `${index}:${node.name}`,
  node,
  weights: w.value.data as Float32Array, // weights of layers are floats
  shape: weightShape(w.type.shape),
  window,
  tiled,
});

/** Weights, and a bias where it changes too. */
export interface NewWeights {
  readonly weights: Float32Array;
  readonly bias?: Float32Array;
}

/** A layer over other operands and, if given, with other weights. */
export function reweighted(
  b: Builder,
  node: OpNode,
  inputs: readonly Node[],
  given: NewWeights | undefined,
): Node {
  const operands = node.inputs.map(({ type, name }, i) => {
    const data = i === 1 ? given?.weights : i === 2 ? given?.bias : undefined;
    return data ? b.constant({ type, data }, name) : inputs[i]!;
  });
  return b.withInputs(node, operands);
}

/** The graph in which some layers have other weights. */
export function withWeights(graph: Graph, changed: ReadonlyMap<OpNode, NewWeights>): Graph {
  return rebuild(graph, (node, inputs, b) => {
    const given = node.kind === 'op' ? changed.get(node) : undefined;
    return given && node.kind === 'op' ? reweighted(b, node, inputs, given) : undefined;
  });
}

/** The graph in which some layers, by name, have other weights. */
export function withLayers(graph: Graph, changed: ReadonlyMap<string, NewWeights>): Graph {
  const nodes = prunableLayers(graph).flatMap(({ name, node }): [OpNode, NewWeights][] => {
    const given = changed.get(name);
    return given ? [[node, given]] : [];
  });
  return withWeights(graph, new Map(nodes));
}

/** The bias of a layer, which is constant. */
export const biasOf = (node: OpNode): Float32Array => {
  const bias = node.inputs[2]!;
  return bias.kind === 'constant' ? Float32Array.from(bias.value.data) : new Float32Array();
};
