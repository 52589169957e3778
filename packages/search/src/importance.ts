// How much each weight of a layer matters, from the rows that the layer sees.

import { diagonal, magnitude } from '@espalier/sparsity';
import type { Layer } from './layers.ts';
import { cholesky, inverse, solveInPlace } from './linear-algebra.ts';
import type { Moments } from './refit.ts';

/** Beyond this many columns the inverse takes too long: the diagonal has to do. */
const mostColumns = 1200;

/** Added to the diagonal, as a part of its mean. */
const damping = 0.01;

/**
 * Scores whose sum over the weights of a kernel is the squared error of the outputs if the kernel goes and
 * all other weights make up for it: wᵀ [(H⁻¹)ₖₖ]⁻¹ w [Hassibi & Stork 1992, in blocks as in Frantar &
 * Alistarh, "Optimal Brain Compression", 2022, §4].
 */
export function importanceOf({ weights, shape }: Layer, { size, gram }: Moments): Float32Array {
  const columns = size - 1;
  const energies = Float64Array.from({ length: columns }, (_, k) => gram[k * size + k]!);
  if (energies.every((energy) => energy === 0)) return magnitude(weights);
  if (columns > mostColumns) return diagonal(weights, energies);
  const mean = energies.reduce((sum, energy) => sum + energy, 0) / columns;
  const hessian = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < columns; j++) hessian[i * columns + j] = gram[i * size + j]!;
  for (let i = 0; i < columns; i++) hessian[i * columns + i]! += damping * mean;
  const h = inverse(cholesky(hessian, columns), columns);

  const { positions } = shape;
  const scores = new Float32Array(weights.length);
  for (let first = 0; first < columns; first += positions) {
    const block = new Float64Array(positions * positions);
    for (let i = 0; i < positions; i++)
      for (let j = 0; j < positions; j++)
        block[i * positions + j] = h[(first + i) * columns + first + j]!;
    const factor = cholesky(block, positions);
    for (let o = 0; o < shape.filters; o++) {
      const kernel = weights.subarray(o * columns + first, o * columns + first + positions);
      const solved = Float64Array.from(kernel);
      solveInPlace(factor, positions, solved);
      const error = kernel.reduce((sum, weight, i) => sum + weight * solved[i]!, 0);
      const energy = kernel.reduce((sum, weight) => sum + weight * weight, 0) || 1;
      // Shared among the weights by their own sizes, for schemes that cut kernels through.
      kernel.forEach((weight, i) => {
        scores[o * columns + first + i] = (Math.max(0, error) * weight * weight) / energy;
      });
    }
  }
  return scores;
}
