// Blocks of the weight matrix that lose whole rows or columns, so that one index list serves a block.

import { defineScheme, projectUnits } from '../scheme.ts';

const tooLarge = (name: string, size: number, extent: number): string | undefined =>
  size > extent ? `blocks of ${size} ${name} in a layer of ${extent}` : undefined;

/** Inside blocks of filters × columns, keeps whole columns: `filters` weights share one index. */
export const blockColumns = defineScheme({
  name: 'blockColumns',
  summary: 'columns inside blocks of filters × columns of the weight matrix',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: { filters: 8, columns: 1 },

  refuses: (shape, { filters }) => tooLarge('filters', filters, shape.filters),

  project(scores, shape, sparsity, { filters }) {
    const columns = shape.channels * shape.positions;
    return projectUnits(scores, shape, sparsity, {
      count: Math.ceil(shape.filters / filters) * columns,
      of: (filter, channel, position) =>
        Math.floor(filter / filters) * columns + channel * shape.positions + position,
    });
  },
});

/** Inside blocks of filters × columns, keeps whole rows: runs of weights that lie next to each other. */
export const blockRows = defineScheme({
  name: 'blockRows',
  summary: 'rows inside blocks of filters × columns of the weight matrix',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: { filters: 8, columns: 8 },

  refuses: (shape, { columns }) => tooLarge('columns', columns, shape.channels * shape.positions),

  project(scores, shape, sparsity, { columns }) {
    const total = shape.channels * shape.positions;
    const blocks = Math.ceil(total / columns);
    return projectUnits(scores, shape, sparsity, {
      count: shape.filters * blocks,
      of: (filter, channel, position) =>
        filter * blocks + Math.floor((channel * shape.positions + position) / columns),
    });
  },
});
