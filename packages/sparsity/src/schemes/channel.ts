// Whole input channels: the layer needs fewer inputs.

import { defineScheme, projectUnits } from '../scheme.ts';

/** Keeps whole input channels. Over a network, coupled channels go together: `channelScores`. */
export const channel = defineScheme({
  name: 'channel',
  summary: 'whole input channels',
  paper: 'Gong et al., TODAES 2022 [2111.11581]',
  defaults: {},

  project: (scores, shape, sparsity) =>
    projectUnits(scores, shape, sparsity, {
      count: shape.channels,
      of: (_filter, channel) => channel,
    }),
});
