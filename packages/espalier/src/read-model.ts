// Model files become graphs; what was read beside them is noted.

import { basename, dirname } from 'node:path';
import {
  type CloseOptions,
  type CustomLayers,
  type ExternalReader,
  externalDataIn,
  type OpenModel,
  openModel,
  type Survey,
} from '@espalier/importers';
import { EspalierError, type Graph } from '@espalier/ir';
import { sha256 } from './digest.ts';
import type { Directives } from './directives.ts';
import { badDirective, noModel } from './errors.ts';
import { type ModelBytes, readModelBytes } from './read-large.ts';
import type { Shapes } from './shapes.ts';

/** One piece of data beside a model that a build depends on. */
export interface External {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

/** A model as it was read, before compilation. */
export interface ReadModel {
  readonly graph: Graph;
  readonly externalReads: readonly External[];
}

/** Where a model begins and ends. */
interface Closing extends Pick<Directives, 'input' | 'outputs'> {
  readonly shape: Shapes;
}

/**
 * Reads a model file.
 *
 * @throws {EspalierError} NO_MODEL, BAD_MODEL
 */
export async function readModelFile(file: string): Promise<ModelBytes> {
  try {
    return await readModelBytes(file);
  } catch (cause) {
    if (cause instanceof EspalierError) throw cause;
    throw noModel(file, cause);
  }
}

/**
 * Turns the bytes of a model into a graph, and notes what it read beside them.
 *
 * @throws {EspalierError} as the importer of its format does
 */
export function readModel(
  bytes: Uint8Array,
  file: string,
  closing: Closing,
  external: ExternalReader = externalDataIn(dirname(file), basename(file)),
  customLayers: CustomLayers = {},
): ReadModel {
  const externalReads: External[] = [];
  const noting: ExternalReader = (location, offset, length) => {
    const data = external(location, offset, length);
    // The model's own digest covers its own data.
    if (location !== basename(file))
      externalReads.push({ location, offset, length: data.length, sha256: sha256(data) });
    return data;
  };
  const { model, options } = opened(bytes, file, closing, noting, customLayers);
  return { graph: model.import(options), externalReads };
}

/**
 * What would become of each operator of a model.
 *
 * @throws {EspalierError} as the survey of its format does
 */
export function surveyModel(bytes: Uint8Array, file: string, given: Closing): Survey {
  const external = externalDataIn(dirname(file), basename(file));
  const { model, options } = opened(bytes, file, given, external);
  return model.survey(options);
}

/** A model, and how its inputs are closed. */
function opened(
  bytes: Uint8Array,
  file: string,
  { shape, input, outputs }: Closing,
  external: ExternalReader,
  customLayers: CustomLayers = {},
): { readonly model: OpenModel; readonly options: CloseOptions } {
  const wanted = outputs.length > 0 ? outputs : undefined;
  const model = openModel(bytes, {
    file: basename(file),
    external,
    customLayers,
    outputs: wanted,
  });
  return { model, options: { shapes: nameShapes(shape, model.inputs), values: input } };
}

/** Gives the shape without a name to the only input. */
function nameShapes({ '': unnamed, ...named }: Shapes, inputs: readonly string[]): Shapes {
  if (!unnamed) return named;
  const [only, ...others] = inputs;
  if (only === undefined || others.length > 0)
    throw badDirective(
      'shape',
      unnamed.join('x'),
      `the model has the inputs ${inputs.join(', ')}: write shape=${only}:${unnamed.join('x')},…`,
    );
  return { [only]: unnamed };
}

/** Whether data beside a model are what they were. */
export function isCurrent(
  { location, offset, length, sha256: expected }: External,
  read: ExternalReader,
) {
  try {
    return sha256(read(location, offset, length)) === expected;
  } catch {
    // The file went away or shrank: building anew says so properly.
    return false;
  }
}
