// Every trained model and every skeleton, compiled: against the stored outputs of an independent engine.

import { gzipSync } from 'node:zlib';
import type { WeightFormat } from '@espalier/compiler';
import t, { type Test } from 'tap';
import { errorOf, graphOf, meanErrorOf } from '../support/compiled-models.ts';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { type ModelCase, modelCases, skeletonCases } from '../support/trained-models.ts';

t.setTimeout(900_000);

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

/** In 16 bits, on the whole: a pixel of a mask on the edge between yes and no may change its mind. */
function checkRounded(t: Test, given: ModelCase): void {
  const rounded = meanErrorOf(start(graphOf(given), { precision: 'int16' }), given);
  t.ok(rounded <= 4e-2, `${given.title}, int16: off by ${rounded}, allowed 4e-2`);
}

t.test('trained models give their stored outputs', skipWithoutData, async (t) => {
  for (const given of modelCases()) {
    check(t, given);
    checkRounded(t, given);
  }
});

t.test('skeletons give their stored outputs', skipWithoutData, async (t) => {
  for (const given of skeletonCases()) check(t, given);
});
