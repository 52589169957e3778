// Networks whose convolutions have lost weights, for benchmarks of speed: which of them go is left to a seed.

import { optimise } from '@espalier/compiler';
import { type Graph, randomSource, rebuild } from '@espalier/ir';
import {
  masked,
  type Params,
  project,
  type Scheme,
  schemes,
  weightShape,
} from '@espalier/sparsity';

/** What the layers of a kind lose. */
export interface Pruning {
  readonly scheme: Scheme;
  readonly params?: Partial<Params>;
}

/** Single weights. */
export const singleWeights: Pruning = { scheme: schemes.unstructured };

/** Blocks of so many filters at one position of one channel. */
export const blocksOf = (filters: number): Pruning => ({
  scheme: schemes.blockPunched,
  params: { filters, channels: 1 },
});

/** Whole kernels in blocks of 8 filters. */
export const kernelBlocks: Pruning = { scheme: schemes.kernelBlock, params: { filters: 8 } };

/** Weights `[O, I, …]` of which a random part, in the units of a scheme, is zero. */
export function prunedAtRandom(
  values: Float32Array,
  shape: readonly number[],
  { scheme, params }: Pruning,
  sparsity: number,
  seed: number,
): Float32Array {
  const next = randomSource(seed);
  const scores = Float32Array.from(values, () => next());
  return masked(values, project(scheme, scores, weightShape(shape), sparsity, params));
}

/**
 * A network whose convolutions of one position, and of several, have lost weights. The stem, grouped convolutions
 * and linear layers stay as they are.
 */
export function prunedNetwork(
  graph: Graph,
  sparsity: number,
  { pointwise, larger }: { readonly pointwise?: Pruning; readonly larger?: Pruning },
): Graph {
  let seed = 0;
  // Batch norms are folded first: what is zero then stays zero.
  return rebuild(optimise(graph), (node, inputs, b) => {
    if (node.kind !== 'op' || node.op !== 'conv') return undefined;
    const [x, weights, ...others] = inputs;
    const shape = weights!.type.shape;
    const [filters, channels, rows, columns] = shape as [number, number, number, number];
    const pruning = rows * columns === 1 ? pointwise : larger;
    const grouped = channels !== x!.type.shape[1];
    if (!pruning || weights!.kind !== 'constant' || grouped || channels <= 4 || filters < 8)
      return undefined;
    const values = Float32Array.from(weights!.value.data);
    const data = prunedAtRandom(values, shape, pruning, sparsity, ++seed);
    return b.withInputs(node, [x!, b.constant({ type: weights!.type, data }), ...others]);
  });
}
