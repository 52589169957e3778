// The voice detector that carries its state from frame to frame, over a whole recording.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import type { Graph, Tensor } from '@espalier/ir';
import { worstError } from './agrees.ts';
import { readNpy } from './npy.ts';
import { start } from './run-compiled.ts';
import { sharedData } from './shared-data.ts';

const frame = 512;
const context = 64;
const stateShape = [2, 1, 128];

const load = (name: string) => readFileSync(sharedData('models', 'silero_vad_16k', name));

const floats = (shape: readonly number[], data: Float32Array): Tensor => ({
  type: { dtype: 'f32', shape },
  data,
});

/** What is stored beside the model, as float32 only. */
const stored = (name: string, shape: readonly number[]): Tensor =>
  floats(shape, readNpy(load(`${name}.npy`)).data as Float32Array);

/** The network for one frame at 16 kHz. */
export const sileroGraph = (): Graph =>
  importOnnx(load('model.onnx'), {
    file: 'silero_vad_16k.onnx',
    shapes: { input: [1, context + frame], state: stateShape },
    values: { sr: 16000 },
  });

/** Errors, relative to the greatest magnitude of each, against what another engine stored. */
export function sileroErrors(graph: Graph): Readonly<Record<string, number>> {
  const running = start(graph);
  const samples = Float32Array.from(readNpy(load('audio.npy')).data, (value) => value / 32768);
  let state = floats(stateShape, new Float32Array(256));
  const heard: number[] = [];
  const errors: Record<string, number> = {};
  for (let at = 0; at < samples.length; at += frame) {
    const data = new Float32Array(context + frame);
    data.set(samples.subarray(Math.max(0, at - context), at + frame), at === 0 ? context : 0);
    const results = running.run({ input: floats([1, context + frame], data), state });
    heard.push(results.output!.data[0]!);
    state = results.stateN!;
    if (at === 0)
      errors['first state'] = worstError(state, stored('state-after-first', stateShape));
  }
  const shape = [heard.length];
  errors.probabilities = worstError(
    floats(shape, Float32Array.from(heard)),
    stored('probabilities', shape),
  );
  errors['last state'] = worstError(state, stored('state-final', stateShape));
  return errors;
}
