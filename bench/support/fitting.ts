// A network that is to be fitted, what it calibrates on, and how it sees pictures.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import type { Graph, InputNode } from '@espalier/ir';
import { createRun } from '@espalier/search';
import {
  affordable,
  type CalibrationInputs,
  syntheticSamples,
} from '../../packages/espalier/src/inputs/index.ts';
import type { Picture } from '../../packages/espalier/src/inputs/picture.ts';
import {
  type Preprocessing,
  pictureShape,
  pictureTensor,
} from '../../packages/espalier/src/inputs/preprocess.ts';
import { sharedData } from '../../test/support/shared-data.ts';
import type { ModelCase } from '../../test/support/trained-models.ts';
import type { FitRecord, See } from './fit-records.ts';

/** How a model's own specification turns bytes into its input. */
function preprocessingOf(model: string): Preprocessing {
  // The shared data is ours to trust; its README says what a spec holds.
  const spec = JSON.parse(readFileSync(sharedData('models', model, 'spec.json'), 'utf8')) as {
    readonly cases: readonly {
      readonly inputs: Readonly<
        Record<
          string,
          {
            readonly order: string;
            readonly sub: readonly number[];
            readonly mul: readonly number[];
          }
        >
      >;
    }[];
  };
  const { order, sub, mul } = Object.values(spec.cases[0]!.inputs)[0]!;
  return {
    order: order === 'BGR' ? 'bgr' : 'rgb',
    scale: 1,
    mean: sub,
    std: mul.map((factor) => 1 / factor),
  };
}

/** Runs a graph on pictures. */
export function seeing(graph: Graph, preprocessing: Preprocessing): See {
  const run = createRun(graph);
  const [input] = graph.inputs as [InputNode];
  const shape = pictureShape(input)!;
  return (picture) => run({ [input.name]: pictureTensor(input, shape, [picture], preprocessing) });
}

/** A network as it was imported, and what it calibrates on. */
export interface Fitting {
  readonly source: Graph;
  readonly inputs: CalibrationInputs;
  readonly preprocessing: Preprocessing;
}

/** Reads a network, and pictures for it. */
export function fittingOf(record: FitRecord, from: ModelCase): Fitting {
  const source = importOnnx(readFileSync(from.file), {
    file: from.file,
    fill: (tensor: string) => from.fill?.(tensor),
  });
  const [input] = source.inputs as [InputNode];
  const pictures = record.calibration?.() ?? [];
  const preprocessing = pictures.length > 0 ? preprocessingOf(record.model) : {};
  const shape = pictureShape(input)!;
  const samples =
    pictures.length > 0
      ? affordable(source, pictures).map((p: Picture) => ({
          [input.name]: pictureTensor(input, shape, [p], preprocessing),
        }))
      : syntheticSamples(source, {}, 1);
  const kind = pictures.length > 0 ? 'pictures' : 'synthetic';
  const inputs: CalibrationInputs = { kind, files: [], sha256: '', samples: () => samples };
  return { source, inputs, preprocessing };
}
