// A TF.js model becomes a graph.

import type { Graph } from '@espalier/ir';
import { importPlan, type ModelPlan, type PlanOptions } from '../tensorflow/plan.ts';
import { planGraphModel } from './graph-model.ts';
import type { CustomLayer } from './layers/layer.ts';
import { planLayersModel } from './layers-model.ts';
import { readTfjs, type TfjsModel, type TfjsReadOptions } from './read.ts';

/** How a model is imported. */
export interface ImportTfjsOptions extends TfjsReadOptions, PlanOptions {
  /** Importers of layers that are not Keras' own, by class name. */
  readonly customLayers?: Readonly<Record<string, CustomLayer>>;
}

const planOf = (model: TfjsModel, { file, customLayers = {} }: ImportTfjsOptions): ModelPlan =>
  model.format === 'graph-model'
    ? planGraphModel(model, file)
    : planLayersModel(model, file, customLayers);

/** The names of a model's inputs, in order. @throws {EspalierError} as `importTfjs` does */
export const tfjsInputs = (model: TfjsModel, options: ImportTfjsOptions): string[] =>
  planOf(model, options).inputs.map(({ name }) => name);

/**
 * Imports a graph model or a layers model. Its ports have the names and shapes that the model declares.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA, OPEN_SHAPE, BAD_INPUT_SHAPE,
 * UNSUPPORTED_OP (all of them at once), UNSUPPORTED_USE, UNSUPPORTED_TYPE, NOT_CONSTANT
 */
export function importTfjs(source: Uint8Array | TfjsModel, options: ImportTfjsOptions): Graph {
  const model = source instanceof Uint8Array ? readTfjs(source, options) : source;
  return importPlan(planOf(model, options), options);
}
