// Every trained model and every skeleton, compiled: against the stored outputs of an independent engine.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { WeightFormat } from '@espalier/compiler';
import { importOnnx } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import t, { type Test } from 'tap';
import { type Running, start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { type ModelCase, modelCases, skeletonCases } from '../support/trained-models.ts';

t.setTimeout(300_000);

function graphOf({ file, inputs, fill }: ModelCase): Graph {
  const shapes = Object.entries(inputs).map(([name, { shape }]) => [name, shape] as const);
  return importOnnx(readFileSync(file), {
    file: basename(file),
    shapes: Object.fromEntries(shapes),
    ...(fill && { fill: (name: string) => fill(name) }),
  });
}

/** The greatest error over all outputs, each relative to its greatest magnitude. */
function errorOf(running: Running, { inputs, outputs }: ModelCase): number {
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

function check(t: Test, given: ModelCase): void {
  const graph = graphOf(given);
  const exact = start(graph);
  const error = errorOf(exact, given);
  t.ok(error <= 1e-4, `${given.title} is off by ${error}, allowed 1e-4`);

  const packed = (format: WeightFormat) => errorOf(start(graph, { weights: format }), given);
  const half = packed('f16');
  t.ok(half <= 2e-2, `${given.title}, f16: off by ${half}, allowed 2e-2`);
  t.comment(`${given.title}, int8: off by ${packed('int8')}`);

  const { modules, program } = exact.compiled;
  const bytes = gzipSync(modules.relaxed).length + gzipSync(JSON.stringify(program)).length;
  // Of the 40 and 50 kB of the whole code, 4 are the runtime's.
  const limit = given.model.startsWith('ultraface') ? 36_000 : 46_000;
  t.ok(bytes <= limit, `${given.title} ships ${bytes} bytes of code, allowed ${limit}`);
}

t.test('trained models give their stored outputs', skipWithoutData, async (t) => {
  for (const given of modelCases()) check(t, given);
});

t.test('skeletons give their stored outputs', skipWithoutData, async (t) => {
  for (const given of skeletonCases()) check(t, given);
});
