// Trained models compiled: what they give against the stored outputs of an independent engine.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { importOnnx } from '@espalier/importers';
import type { Graph, Tensor } from '@espalier/ir';
import type { Running } from './run-compiled.ts';
import type { ModelCase } from './trained-models.ts';

/** The graph of a trained model, for the shapes of its inputs. */
export function graphOf({ file, inputs, fill }: ModelCase): Graph {
  const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
  return importOnnx(readFileSync(file), {
    file: basename(file),
    shapes: Object.fromEntries(shapes),
    ...(fill && { fill: (name: string) => fill(name) }),
  });
}

/** What a model gives for the inputs of its case. */
function resultsOf(running: Running, { inputs }: ModelCase): Record<string, Tensor> {
  const tensors = Object.entries(inputs).map(
    ([name, { shape, data }]) => [name, { type: { dtype: 'f32', shape }, data }] as const,
  );
  return running.run(Object.fromEntries(tensors));
}

/** The greatest root mean square error of an output, relative to the root mean square of what is expected. */
export function meanErrorOf(running: Running, given: ModelCase): number {
  const results = resultsOf(running, given);
  const errors = Object.entries(given.outputs).map(([name, { samples, stride }]) => {
    const { data } = results[name]!;
    let [error, energy] = [0, 0];
    samples.forEach((value, i) => {
      error += (value - data[i * stride]!) ** 2;
      energy += value ** 2;
    });
    return energy === 0 ? Math.sqrt(error) : Math.sqrt(error / energy);
  });
  return Math.max(...errors);
}

/** The greatest error over all outputs, each relative to its greatest magnitude. */
export function errorOf(running: Running, given: ModelCase): number {
  const results = resultsOf(running, given);
  const { outputs } = given;
  let worst = 0;
  for (const [name, { samples, stride, maxabs }] of Object.entries(outputs)) {
    const { data } = results[name]!;
    samples.forEach((value, i) => {
      const error = Math.abs(value - data[i * stride]!) / maxabs;
      if (!(error <= worst)) worst = error;
    });
  }
  return worst;
}
