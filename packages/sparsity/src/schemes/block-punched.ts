// Blocks of kernels that are all punched at the same positions.

import { defineScheme, eachWeight, projectUnits, type Units } from '../scheme.ts';

/**
 * Inside blocks of filters × channels, keeps kernel positions that all kernels of the block share.
 * A unit's total is the L2 norm over its filters, summed over its channels [Gong et al. 2022; their code]; units of all
 * blocks compete.
 */
export const blockPunched = defineScheme({
  name: 'blockPunched',
  summary: 'one kernel position in all kernels of a block of filters × channels',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: { filters: 8, channels: 4 },

  refuses: (shape, { filters, channels }) =>
    filters > shape.filters || channels > shape.channels
      ? `blocks of ${filters} × ${channels} in a layer of ${shape.filters} × ${shape.channels}`
      : undefined,

  project(scores, shape, sparsity, { filters, channels }) {
    const across = Math.ceil(shape.channels / channels);
    const units: Units = {
      count: Math.ceil(shape.filters / filters) * across * shape.positions,
      of: (filter, channel, position) =>
        (Math.floor(filter / filters) * across + Math.floor(channel / channels)) * shape.positions +
        position,
    };
    const columns = shape.channels * shape.positions;
    const norms = new Float64Array(Math.ceil(shape.filters / filters) * columns);
    eachWeight(shape, (at, filter, channel, position) => {
      const block = Math.floor(filter / filters);
      norms[block * columns + channel * shape.positions + position]! += scores[at]!;
    });
    const totals = new Float64Array(units.count);
    for (let filter = 0; filter < shape.filters; filter += filters)
      for (let channel = 0; channel < shape.channels; channel++)
        for (let position = 0; position < shape.positions; position++)
          totals[units.of(filter, channel, position)]! += Math.sqrt(
            norms[(filter / filters) * columns + channel * shape.positions + position]!,
          );
    return projectUnits(scores, shape, sparsity, units, totals);
  },
});
