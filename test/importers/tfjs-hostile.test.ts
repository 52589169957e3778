// Damaged TF.js models end in a coded error or a valid graph: no hang, no crash, no runaway memory.

import { importTfjs, isTfjs } from '@espalier/importers';
import t from 'tap';
import { endsWell, runDamaged } from '../support/run-damaged.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

t.test('300 damaged models end in an error or a graph', skipWithoutData, async (t) => {
  const models = ['blazeface', 'fsrcnn_x2-tfjs', 'meet', 'stylize-transformer-separable'];
  const files = models.map((model) => sharedData('models', model, 'model.json'));
  endsWell(t, await runDamaged('import-damaged-tfjs.ts', 300, files), 300);
});

t.test('what is no model is refused', async (t) => {
  const refused = (text: string) =>
    t.throws(
      () => importTfjs(Buffer.from(text), { file: 'm.json' }),
      { code: 'BAD_MODEL' },
      `refuses ${text.slice(0, 60)}`,
    );
  refused('');
  refused('[]');
  refused('{"modelTopology": 3}');
  refused('{"modelTopology": {"node": 7}, "weightsManifest": []}');
  refused(`${'['.repeat(100_000)}`);
  t.notOk(isTfjs(Buffer.from('{"modelTopology": 3}')), 'a topology is an object');
  t.ok(isTfjs(Buffer.from(' {"modelTopology": {}}')), 'spaces come first');
});
