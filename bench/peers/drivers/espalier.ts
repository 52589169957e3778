// Runs a compiled model as an app does: through its generated module.

import type { Model } from '@espalier/runtime';
import type { Driver } from '../task.ts';

export const driver: Driver = {
  layout: 'NCHW',
  async open({ network }, { inputs, outputs }) {
    // `write` of this engine made that module.
    const { default: model } = (await import(`${network}net.js`)) as { default: Model };
    return {
      async run(arrays) {
        const feeds = Object.fromEntries(inputs.map(({ name }, i) => [name, arrays[i]!]));
        const results = await model.run(feeds);
        // Every port of a task is f32.
        return outputs.map(({ name }) => results[name]!.data as Float32Array);
      },
    };
  },
};
