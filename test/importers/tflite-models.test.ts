// Trained TFLite models, imported and compiled, against the outputs that TensorFlow Lite gave.

import { verify } from '@espalier/ir';
import t from 'tap';
import { errorOf } from '../support/compiled-models.ts';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { tfliteCases, tfliteGraphOf } from '../support/tflite-models.ts';

/** Of the largest magnitude of each output. */
const allowed = 1e-4;

t.test('trained TFLite models agree with their stored outputs', skipWithoutData, async (t) => {
  let count = 0;
  for (const given of tfliteCases()) {
    count++;
    const graph = tfliteGraphOf(given);
    verify(graph);
    const error = errorOf(start(graph), given);
    t.ok(error <= allowed, `${given.title} is off by ${error.toExponential(1)}`);
  }
  t.ok(count > 0, 'there are models');
});
