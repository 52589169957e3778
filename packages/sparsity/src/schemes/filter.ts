// Whole filters: the layer gets fewer outputs.

import { defineScheme, projectUnits } from '../scheme.ts';

/** Keeps whole filters, the rows of the weight matrix. */
export const filter = defineScheme({
  name: 'filter',
  summary: 'whole filters (outputs)',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: {},

  project: (scores, shape, sparsity) =>
    projectUnits(scores, shape, sparsity, { count: shape.filters, of: (filter) => filter }),
});
