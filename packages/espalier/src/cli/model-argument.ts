// What commands take as a model: a path, and directives as in an import.

import { resolve } from 'node:path';
import { type Cache, openCache } from '../cache.ts';
import { type OwnConfig, readConfig } from '../config.ts';
import { type Directives, normalise, parseDirectives } from '../directives.ts';

/** A model of the command line with all that a project says about it. */
export interface GivenModel {
  readonly file: string;
  readonly directives: Directives;
  /** Normalised. */
  readonly query: string;
  readonly config: OwnConfig;
}

/** Where commands keep what they compute, with the plugins. */
export const projectCache = (): Cache => openCache(resolve('node_modules/.cache/espalier'));

/**
 * Reads `net.onnx?target=s20&latency=12`, over the configuration in the working directory.
 *
 * @throws {EspalierError} BAD_DIRECTIVE, UNKNOWN_DIRECTIVE, BAD_MODULE
 */
export async function parseModelArgument(text: string): Promise<GivenModel> {
  const mark = text.indexOf('?');
  const [file, query] = mark < 0 ? [text, ''] : [text.slice(0, mark), text.slice(mark + 1)];
  const config = await readConfig(process.cwd(), file);
  const directives = parseDirectives(query, ...config.directives);
  return { file: resolve(file), directives, query: normalise(directives), config };
}
