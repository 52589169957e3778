// The layers of a graph that can be pruned, and the graph with other weights.

import {
  type AttrsOf,
  assert,
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
    // What reads the picture itself has few weights and no zeros to spare.
    if (node.op === 'conv' && (convOf(node).groups > 1 || w.type.shape[1]! <= 4)) continue;
    found.push(layerFrom(node, `${found.length}:${node.name}`));
  }
  return found;
}

const convOf = (node: OpNode) => node.attrs as AttrsOf<'conv'>; // asked of convolutions only

/** A convolution without groups, or a linear layer, with constant weights, as a layer. */
export function layerFrom(node: Node, name: string): Layer {
  assert(node.kind === 'op', 'layers are ops');
  const w = weightsOf(node);
  assert(w, 'weights and biases of layers are constant');
  const [, , r = 1, s = 1] = w.type.shape;
  const steps = node.op === 'conv' ? [...convOf(node).stride, ...convOf(node).dilation] : [];
  return {
    name,
    node,
    weights: w.value.data as Float32Array, // weights of layers are floats
    shape: weightShape(w.type.shape),
    window: [r, s],
    tiled: node.op === 'conv' && r === 3 && s === 3 && steps.every((step) => step === 1),
  };
}

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
