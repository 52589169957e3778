// Trained TF.js models, compiled, give what TF.js gives.

import { verify } from '@espalier/ir';
import t from 'tap';
import { start } from '../support/run-compiled.ts';
import { skipWithoutData } from '../support/shared-data.ts';
import { tfjsCases, tfjsErrorOf, tfjsGraphOf } from '../support/tfjs-models.ts';

/** The others take longer, and are counted by `bench coverage`. */
const light = [
  'blazeface',
  'espcn_x2-tfjs',
  'fsrcnn_x2-tfjs',
  'mobileface',
  'selfie',
  'stylize-transformer-separable',
  'upscaler-default',
  'upscaler-esrgan-slim-x2',
];

t.test('trained models agree with TF.js', skipWithoutData, async (t) => {
  const seen = new Set<string>();
  for (const given of tfjsCases()) {
    if (!light.includes(given.model) || seen.has(given.model)) continue;
    seen.add(given.model);
    await t.test(`${given.title} agrees`, async (t) => {
      const graph = tfjsGraphOf(given);
      verify(graph);
      const error = tfjsErrorOf(graph, start(graph), given);
      t.ok(error <= given.tolerance, `within ${given.tolerance} of the stored output: ${error}`);
    });
  }
  t.same([...seen].sort(), light, 'every one of them is here');
});
