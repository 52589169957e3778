// Trained models compiled: what they give against the stored outputs of an independent engine.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { importOnnx } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
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

/** The greatest error over all outputs, each relative to its greatest magnitude. */
export function errorOf(running: Running, { inputs, outputs }: ModelCase): number {
  const tensors = Object.entries(inputs).map(
    ([name, { shape, data }]) => [name, { type: { dtype: 'f32', shape }, data }] as const,
  );
  const results = running.run(Object.fromEntries(tensors));
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
