// Zeros for the weights of micro-kernels: sparse kernels are priced on masks as pruning makes them.

import { type Graph, randomSource, rebuild, type Tensor } from '@espalier/ir';
import type { MicroKernel } from './micro-kernel.ts';

/** Outputs and inputs that are kept or pruned together, and whether kernels go as a whole. */
export interface MaskShape {
  readonly outputs: number;
  readonly inputs: number;
  readonly wholeKernels: boolean;
}

/** Weights with fewer elements are left whole. */
const fewestWeights = 256;

/** Weights `[O, I, …]` with zeros in about `sparsity` of their blocks, unevenly spread over the outputs. */
function masked({ type, data }: Tensor, shape: MaskShape, sparsity: number): Tensor {
  const [o, i, ...taps] = type.shape as [number, number, ...number[]];
  const positions = taps.reduce((product, extent) => product * extent, 1);
  const next = randomSource(o * 31 + i);
  const result = data.slice();
  for (let top = 0; top < o; top += shape.outputs) {
    // Some rows lose half as much again as others, as they do where magnitudes decide.
    const own = Math.min(1, sparsity * (0.8 + 0.4 * next()));
    for (let left = 0; left < i; left += shape.inputs)
      for (let position = 0; position < positions; position += shape.wholeKernels ? positions : 1) {
        if (next() >= own) continue;
        const last = shape.wholeKernels ? positions : position + 1;
        for (let output = top; output < Math.min(o, top + shape.outputs); output++)
          for (let input = left; input < Math.min(i, left + shape.inputs); input++)
            result.fill(
              0,
              (output * i + input) * positions + position,
              (output * i + input) * positions + last,
            );
      }
  }
  return { type, data: result };
}

/** A graph whose weights have such zeros. */
const withZeros = (graph: Graph, shape: MaskShape, sparsity: number): Graph =>
  rebuild(graph, (node, _, b) =>
    node.kind === 'constant' &&
    node.type.dtype === 'f32' &&
    node.type.shape.length >= 2 &&
    node.value.data.length >= fewestWeights
      ? b.constant(masked(node.value, shape, sparsity))
      : undefined,
  );

/** A micro-kernel whose weights have such zeros. */
export const pruned = (dense: MicroKernel, shape: MaskShape, sparsity: number): MicroKernel => ({
  ...dense,
  sparse: true,
  graph: () => withZeros(dense.graph(), shape, sparsity),
});
