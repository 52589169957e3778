// How much a weight matters, by its size alone.

/** Squared weights: the sum over a unit is its squared L2 norm. */
export const magnitude = (weights: Float32Array): Float32Array =>
  weights.map((weight) => weight * weight);
