// The trained TFLite models of the shared data, each with its inputs and stored outputs.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { importTflite } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import { sharedData } from './shared-data.ts';
import {
  type ModelCase,
  mapValues,
  readJson,
  readPicture,
  readSamples,
  type Spec,
} from './trained-models.ts';

/** Every case of every trained TFLite model; the files are read as the list is walked. */
export function* tfliteCases(): Generator<ModelCase> {
  for (const model of readdirSync(sharedData('models')).sort()) {
    const folder = sharedData('models', model);
    if (!existsSync(join(folder, 'spec.json'))) continue;
    // The shared data is ours to trust; its README says what a spec holds.
    const { file, cases } = readJson(join(folder, 'spec.json')) as Spec;
    if (!file?.endsWith('.tflite')) continue;
    for (const { name, inputs, outputs } of cases)
      yield {
        title: `${model} (${name})`,
        model,
        file: join(folder, file),
        inputs: mapValues(inputs, (picture) => readPicture(folder, picture)),
        outputs: mapValues(outputs, (output) => readSamples(join(folder, output.file), output)),
      };
  }
}

/** The graph of a trained model. */
export const tfliteGraphOf = ({ file }: ModelCase): Graph =>
  importTflite(readFileSync(file), { file: basename(file) });
