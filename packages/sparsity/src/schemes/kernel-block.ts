// Whole kernels in blocks of filters: what keeps the zeros of a Winograd transform.

import { defineScheme, projectUnits } from '../scheme.ts';

/** Keeps whole kernels, the same input channels for all filters of a block. */
export const kernelBlock = defineScheme({
  name: 'kernelBlock',
  summary: 'whole kernels: one input channel of a block of filters',
  paper: 'own',
  defaults: { filters: 8 },

  refuses: (shape, { filters }) =>
    filters > shape.filters
      ? `blocks of ${filters} filters in a layer of ${shape.filters}`
      : undefined,

  project: (scores, shape, sparsity, { filters }) =>
    projectUnits(scores, shape, sparsity, {
      count: Math.ceil(shape.filters / filters) * shape.channels,
      of: (filter, channel) => Math.floor(filter / filters) * shape.channels + channel,
    }),
});
