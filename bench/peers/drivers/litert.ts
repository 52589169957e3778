// LiteRT.js on its wasm accelerator (XNNPACK), one thread.

import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { type Driver, read } from '../task.ts';

export const driver: Driver = {
  layout: 'NHWC',
  async open({ network, assets }, { inputs }) {
    await loadLiteRt(assets);
    const model = await loadAndCompile(await read(`${network}net.tflite`), { accelerator: 'wasm' });
    const details = model.getInputDetails();
    return {
      async run(arrays) {
        const feeds = inputs.map((_, i) => new Tensor(arrays[i]!, Array.from(details[i]!.shape)));
        const results = await model.run(feeds);
        const outputs = results.map((result) => result.toTypedArray() as Float32Array);
        for (const tensor of [...feeds, ...results]) tensor.delete();
        return outputs;
      },
    };
  },
};
