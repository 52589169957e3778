// Damaged TFLite files end in a coded error or a valid graph: no hang, no crash, no runaway memory.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { endsWell, runDamaged } from '../support/run-damaged.ts';
import { hasSharedData, sharedData } from '../support/shared-data.ts';
import { writeTflite } from '../support/write-tflite.ts';

const cases = 400;

/** A model with what files seldom have: scales along an axis, zeros left out, an open extent. */
const small = (): Uint8Array =>
  writeTflite({
    tensors: [
      { shape: [1, 4], name: 'x', signature: [-1, 4] },
      {
        shape: [4, 4],
        data: Float32Array.of(1, 2, 3),
        sparsity: {
          order: [0, 1],
          dimensions: [{ size: 4 }, { segments: [0, 1, 1, 3, 3], indices: [2, 0, 3] }],
        },
      },
      { shape: [4], data: Float32Array.of(1, 2, 3, 4) },
      { shape: [1, 4] },
      { shape: [1, 4], type: 'i8', scales: [0.1], zeros: [3] },
      { shape: [4, 4], type: 'i8', data: new Int8Array(16).fill(5), scales: [0.1, 0.2, 0.3, 0.4] },
      { shape: [4], type: 'i32', data: Int32Array.of(1, 2, 3, 4), scales: [1, 1, 1, 1] },
      { shape: [1, 4], type: 'i8', scales: [0.2], zeros: [-3], name: 'y' },
    ],
    operators: [
      { builtin: 9, inputs: [0, 1, 2], outputs: [3], options: 8, fields: [[0, 'i8', 1]] },
      { builtin: 114, inputs: [3], outputs: [4] },
      { builtin: 9, inputs: [4, 5, 6], outputs: [7], options: 8, fields: [[2, 'bool', true]] },
    ],
    inputs: [0],
    outputs: [7],
  });

t.test(`${cases} damaged files end in an error or a graph`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
  const file = join(folder, 'small.tflite');
  writeFileSync(file, small());
  const real = sharedData('models', 'ultraface_rfb_320_tflite', 'model.tflite');
  const files = [file, ...(hasSharedData() ? [real] : [])];
  const damages = await runDamaged('import-damaged-tflite.ts', cases, files);
  rmSync(folder, { recursive: true });
  endsWell(t, damages, cases);
  const ended = (as: string) => damages.lines.filter(({ outcome }) => outcome === as).length;
  t.ok(ended('BAD_MODEL') > 50 && ended('imported') > 50, 'damage hits and misses');
});
