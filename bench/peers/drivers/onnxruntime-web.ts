// onnxruntime-web on its wasm backend, one thread.

import * as ort from 'onnxruntime-web/wasm';
import { type Driver, read } from '../task.ts';

export const driver: Driver = {
  layout: 'NCHW',
  async open({ network, assets }, { inputs, outputs }) {
    ort.env.wasm.numThreads = 1;
    if (!assets.startsWith('file:')) ort.env.wasm.wasmPaths = assets;
    const session = await ort.InferenceSession.create(await read(`${network}net.onnx`), {
      executionProviders: ['wasm'],
    });
    return {
      async run(arrays) {
        const feeds = Object.fromEntries(
          inputs.map(({ name, shape }, i) => [
            name,
            new ort.Tensor('float32', arrays[i]!, [...shape]),
          ]),
        );
        const results = await session.run(feeds);
        // Every port of a task is f32.
        return outputs.map(({ name }) => results[name]!.data as Float32Array);
      },
    };
  },
};
