// A TF.js model becomes a graph.

import type { Graph } from '@espalier/ir';
import { type Observe, type Survey, survey } from '../survey.ts';
import { importPlan, type PlanOptions } from '../tensorflow/plan.ts';
import { type Call, type CallPlan, refuseUnknown, unknownCalls } from './calls.ts';
import { planGraphModel } from './graph-model.ts';
import type { CustomLayers } from './layers/layer.ts';
import { planLayersModel } from './layers-model.ts';
import { readTfjs, type TfjsModel, type TfjsReadOptions } from './read.ts';

/** How a model is imported. */
export interface ImportTfjsOptions extends TfjsReadOptions, PlanOptions {
  /** Importers of layers that are not Keras' own, by class name. */
  readonly customLayers?: CustomLayers | undefined;
  /** Nodes or layers that become outputs, in place of those that the model declares. */
  readonly outputs?: readonly string[] | undefined;
}

const planOf = (
  model: TfjsModel,
  { file, customLayers = {}, outputs }: ImportTfjsOptions,
  observe?: Observe<Call>,
): CallPlan =>
  model.format === 'graph-model'
    ? planGraphModel(model, { file, outputs, observe })
    : planLayersModel(model, { file, custom: customLayers, outputs, observe });

/** The names of a model's inputs, in order. @throws {EspalierError} as `importTfjs` does */
export const tfjsInputs = (model: TfjsModel, options: ImportTfjsOptions): string[] =>
  planOf(model, options).inputs.map(({ name }) => name);

/**
 * Imports a graph model or a layers model. Its ports have the names and shapes that the model declares.
 *
 * @throws {EspalierError} BAD_MODEL, MODEL_TOO_LARGE, BAD_EXTERNAL_DATA, OPEN_SHAPE, BAD_INPUT_SHAPE,
 * UNSUPPORTED_OP (all of them at once), UNSUPPORTED_USE, UNSUPPORTED_TYPE, NOT_CONSTANT, NO_OUTPUT
 */
export function importTfjs(source: Uint8Array | TfjsModel, options: ImportTfjsOptions): Graph {
  const model = source instanceof Uint8Array ? readTfjs(source, options) : source;
  return build(planOf(model, options), options);
}

/**
 * Surveys a model. What operators and layers refuse is part of the answer; a file that cannot be read is not.
 *
 * @throws {EspalierError} as `importTfjs` does, where no operator is to blame
 */
export function surveyTfjs(source: Uint8Array | TfjsModel, options: ImportTfjsOptions): Survey {
  const model = source instanceof Uint8Array ? readTfjs(source, options) : source;
  return survey({
    calls: planOf(model, options).calls,
    unknown: (calls) => unknownCalls(calls).values(),
    import: (observe) => build(planOf(model, options, observe), options),
  });
}

function build(plan: CallPlan, options: ImportTfjsOptions): Graph {
  refuseUnknown(plan, { file: options.file });
  return importPlan(plan, options);
}
