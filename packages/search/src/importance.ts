// How much each weight of a layer matters, from the rows that the layer sees.

import type { Layer } from './layers.ts';
import { cholesky, solveInPlace } from './linear-algebra.ts';
import type { Block } from './moments.ts';
import { columnsOf } from './rows.ts';

/**
 * Scores whose sum over the weights of a kernel is the squared error of the outputs if the kernel goes and
 * all other weights make up for it: wᵀ [(H⁻¹)ₖₖ]⁻¹ w [Hassibi & Stork 1992, in blocks as in Frantar &
 * Alistarh, "Optimal Brain Compression", 2022, §4].
 */
export function importanceOf(layer: Layer, blocks: readonly Block[]): Float32Array {
  const { weights, shape } = layer;
  const columns = columnsOf(layer);
  const scores = new Float32Array(weights.length);
  const { positions } = shape;
  for (const block of blocks) {
    const h = block.inverse();
    for (let first = 0; first < block.columns; first += positions) {
      const own = new Float64Array(positions * positions);
      for (let i = 0; i < positions; i++)
        for (let j = 0; j < positions; j++)
          own[i * positions + j] = h[(first + i) * block.columns + first + j]!;
      const factor = cholesky(own, positions);
      for (let o = 0; o < shape.filters; o++) {
        const at = o * columns + block.first + first;
        const kernel = weights.subarray(at, at + positions);
        const solved = Float64Array.from(kernel);
        solveInPlace(factor, positions, solved);
        const error = kernel.reduce((sum, weight, i) => sum + weight * solved[i]!, 0);
        const energy = kernel.reduce((sum, weight) => sum + weight * weight, 0) || 1;
        // Shared among the weights by their own sizes, for schemes that cut kernels through.
        for (const [i, weight] of kernel.entries())
          scores[at + i] = (Math.max(0, error) * weight * weight) / energy;
      }
    }
  }
  return scores;
}
