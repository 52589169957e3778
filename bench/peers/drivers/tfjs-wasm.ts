// TF.js on its wasm backend, one thread.

import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { ready, setBackend, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { TfjsModel } from '../convert/tfjs.ts';
import { type Driver, read } from '../task.ts';

export const driver: Driver = {
  layout: 'NHWC',
  async open({ network, assets }, { inputs }) {
    if (!assets.startsWith('file:')) setWasmPaths(assets);
    await setBackend('wasm');
    await ready();
    const [json, weights] = await Promise.all(
      ['net.json', 'net.bin'].map((file) => read(network + file)),
    );
    // Written by `write` of this engine.
    const described = JSON.parse(new TextDecoder().decode(json)) as TfjsModel['json'];
    const model = await loadGraphModel({
      load: async () => ({
        // What the converter reads of these is what was written.
        modelTopology: described.modelTopology as object,
        weightSpecs: described.weightSpecs as never[],
        weightData: weights!.buffer,
      }),
    });
    return {
      async run(arrays) {
        const feeds = inputs.map(({ shape }, i) =>
          tensor(arrays[i]!, channelsLast(shape), 'float32'),
        );
        const named = Object.fromEntries(feeds.map((feed, i) => [described.inputs[i]!, feed]));
        const results = model.execute(named, [...described.outputs]) as Tensor | Tensor[];
        const outputs = [results].flat().map((result) => result.dataSync().slice() as Float32Array);
        for (const each of [...feeds, ...[results].flat()]) each.dispose();
        return outputs;
      },
    };
  },
};

const channelsLast = (shape: readonly number[]): number[] =>
  shape.length === 4 ? [shape[0]!, shape[2]!, shape[3]!, shape[1]!] : [...shape];
