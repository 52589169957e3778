// How much a weight matters to what the layer puts out, from the layer's inputs.

import { assert } from '@espalier/ir';

/**
 * The squared error of the outputs if a weight goes and no other changes: w² · E[x²].
 *
 * @param weights `[O][K]`.
 * @param moments E[x²] of each of the K inputs.
 */
export function diagonal(weights: Float32Array, moments: ArrayLike<number>): Float32Array {
  const columns = moments.length;
  assert(weights.length % columns === 0, 'rows of as many weights as there are moments');
  return weights.map((weight, i) => weight * weight * moments[i % columns]!);
}

/**
 * The squared error of the outputs if a weight goes and the others of its row make up for it:
 * w² / [H⁻¹]ⱼⱼ [Hassibi & Stork, "Second order derivatives for network pruning: Optimal Brain
 * Surgeon", 1992].
 *
 * @param weights `[O][K]`.
 * @param inverse H⁻¹ `[K][K]`, of H = E[x xᵀ] with damping.
 */
export function compensated(weights: Float32Array, inverse: Float64Array): Float32Array {
  const columns = Math.sqrt(inverse.length);
  assert(Number.isInteger(columns) && weights.length % columns === 0, 'a square matrix that fits');
  return weights.map((weight, i) => {
    const j = i % columns;
    return (weight * weight) / inverse[j * columns + j]!;
  });
}
