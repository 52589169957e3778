// Whole kernels in blocks of filters: what keeps the zeros of a Winograd transform.

import { defineScheme, projectUnits } from '../scheme.ts';

/** Keeps whole kernels, the same input channels, `channels` at a time, for all filters of a block. */
export const kernelBlock = defineScheme({
  name: 'kernelBlock',
  summary: 'whole kernels: one or a few input channels of a block of filters',
  paper: 'own',
  defaults: { filters: 8, channels: 1 },

  refuses: (shape, { filters, channels }) =>
    filters > shape.filters || channels > shape.channels
      ? `blocks of ${filters} × ${channels} in a layer of ${shape.filters} × ${shape.channels}`
      : undefined,

  project(scores, shape, sparsity, { filters, channels }) {
    const across = Math.ceil(shape.channels / channels);
    return projectUnits(scores, shape, sparsity, {
      count: Math.ceil(shape.filters / filters) * across,
      of: (filter, channel) =>
        Math.floor(filter / filters) * across + Math.floor(channel / channels),
    });
  },
});
