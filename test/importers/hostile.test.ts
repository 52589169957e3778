// Damaged model files end in a coded error or a valid graph: no hang, no crash, no runaway memory.

import { readdirSync, readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import t from 'tap';
import { endsWell, runDamaged } from '../support/run-damaged.ts';
import { sharedData, skipWithoutData } from '../support/shared-data.ts';

const cases = 2000;

t.test('2,000 damaged files end in an error or a graph', skipWithoutData, async (t) => {
  const models = readdirSync(sharedData('models'), { recursive: true, encoding: 'utf8' });
  const skeletons = readdirSync(sharedData('skeletons'));
  const files = [
    ...models.filter((file) => file.endsWith('.onnx')).map((file) => sharedData('models', file)),
    ...skeletons
      .filter((file) => file.endsWith('.onnx') && !file.startsWith('yolov4_416'))
      .map((file) => sharedData('skeletons', file)),
  ];
  endsWell(t, await runDamaged('import-damaged.ts', cases, files), cases);
});

t.test('an empty file is refused', async (t) => {
  t.throws(() => importOnnx(new Uint8Array(0), { file: 'empty.onnx' }), { code: 'BAD_MODEL' });
});

t.test('another format is refused', async (t) => {
  const text = readFileSync(import.meta.filename);
  t.throws(() => importOnnx(text, { file: 'text.onnx' }), { code: 'BAD_MODEL' });
});
