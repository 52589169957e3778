// Single weights: the most accurate at any sparsity, and the hardest to run fast.

import { defineScheme, projectUnits } from '../scheme.ts';

/** Keeps the weights that matter most, wherever they are. */
export const unstructured = defineScheme({
  name: 'unstructured',
  summary: 'single weights, anywhere',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: {},

  project: (scores, shape, sparsity) =>
    projectUnits(scores, shape, sparsity, {
      count: scores.length,
      of: (filter, channel, position) =>
        (filter * shape.channels + channel) * shape.positions + position,
    }),
});
