// A network that carries its state from frame to frame: compiled, against the stored outputs of a whole recording.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import type { Tensor } from '@espalier/ir';
import t from 'tap';
import { worstError } from '../support/agrees.ts';
import { readNpy } from '../support/npy.ts';
import { start } from '../support/run-compiled.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

const frame = 512;
const context = 64;

const floats = (shape: readonly number[], data: Float32Array): Tensor => ({
  type: { dtype: 'f32', shape },
  data,
});

t.test('silero hears speech in every frame of a recording', skipWithoutData, async (t) => {
  const load = (name: string) => readFileSync(sharedData('models', 'silero_vad_16k', name));
  const stored = (name: string, shape: readonly number[]) =>
    floats(shape, readNpy(load(`${name}.npy`)).data as Float32Array); // stored as float32 only
  const graph = importOnnx(load('model.onnx'), {
    file: 'silero_vad_16k.onnx',
    shapes: { input: [1, context + frame], state: [2, 1, 128] },
    values: { sr: 16000 },
  });
  t.same(
    graph.inputs.map(({ name }) => name),
    ['input', 'state'],
    'the rate is a constant, the state an input',
  );
  const running = start(graph);
  const samples = Float32Array.from(readNpy(load('audio.npy')).data, (value) => value / 32768);
  let state = floats([2, 1, 128], new Float32Array(256));
  const heard: number[] = [];
  for (let at = 0; at < samples.length; at += frame) {
    const data = new Float32Array(context + frame);
    data.set(samples.subarray(Math.max(0, at - context), at + frame), at === 0 ? context : 0);
    const results = running.run({ input: floats([1, context + frame], data), state });
    heard.push(results.output!.data[0]!);
    state = results.stateN!;
    if (at > 0) continue;
    const error = worstError(state, stored('state-after-first', [2, 1, 128]));
    t.ok(error <= 1e-4, `the state after the first frame is off by ${error}, allowed 1e-4`);
  }
  const shape = [heard.length];
  const error = worstError(floats(shape, Float32Array.from(heard)), stored('probabilities', shape));
  t.ok(error <= 1e-4, `${heard.length} probabilities are off by ${error}, allowed 1e-4`);
  const last = worstError(state, stored('state-final', [2, 1, 128]));
  t.ok(last <= 1e-4, `the last state is off by ${last}, allowed 1e-4`);
});
