// How much a weight matters to the loss, to first order.

import { assert } from '@espalier/ir';

/**
 * The squared first-order change of the loss if a weight goes: (w · ∂L/∂w)²
 * [Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019, §3].
 */
export function taylor(weights: Float32Array, gradients: Float32Array): Float32Array {
  assert(weights.length === gradients.length, 'one gradient a weight');
  return weights.map((weight, i) => (weight * gradients[i]!) ** 2);
}
