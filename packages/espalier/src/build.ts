// The story of a build: read the model, import it, compile it, name its assets; or take all that
// from the cache.

import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { compile, showProfile } from '@espalier/compiler';
import {
  type CloseOptions,
  type CustomLayers,
  type ExternalReader,
  externalDataIn,
  type OpenModel,
  openModel,
  type Survey,
} from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import type { Program } from '@espalier/runtime';
import type { Cache } from './cache.ts';
import { type Directives, normalise } from './directives.ts';
import { badDirective, noModel } from './errors.ts';
import { fingerprint } from './fingerprint.ts';
import { threadScript } from './runtime-files.ts';
import { findSamples } from './samples.ts';
import type { Shapes } from './shapes.ts';
import { readTarget } from './targets.ts';

/** A file that ships beside the module. */
export interface Asset {
  /** Its own content hash is part of it: equal names mean equal bytes. */
  readonly name: string;
  readonly type: 'application/wasm' | 'application/octet-stream' | 'text/javascript';
  readonly bytes: Uint8Array;
}

/** A compiled model. */
export interface BuiltModel {
  readonly program: Program;
  readonly plain: Asset;
  readonly relaxed: Asset;
  readonly weights: Asset;
  /** The script of helping threads, for a model that has work for them. */
  readonly thread: Asset | undefined;
  /** Absolute paths of the files besides the model that were read: external data, a device profile. */
  readonly externalFiles: readonly string[];
  readonly fromCache: boolean;
}

/** A model as it was read, before compilation. */
export interface ReadModel {
  readonly graph: Graph;
  readonly externalReads: readonly ExternalRead[];
}

/** One piece of data beside the model that the build depends on. */
interface ExternalRead {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

/** What the cache holds of a build, besides the files. */
interface Kept {
  readonly program: Program;
  readonly externalReads: readonly ExternalRead[];
}

const sha256 = (...parts: (Uint8Array | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/**
 * Compiles the model in a file.
 *
 * @throws {EspalierError} NO_MODEL, NO_PROFILE, BAD_PROFILE, and what importing and compiling throw
 */
export async function buildModel(
  file: string,
  directives: Directives,
  cache: Cache | undefined,
  customLayers: CustomLayers = {},
): Promise<BuiltModel> {
  let bytes: Uint8Array | undefined = await readModelFile(file);
  const name = basename(file);
  const external = externalDataIn(dirname(await realpath(file)), name);
  const { profile, file: profileFile } = readTarget(directives.target, dirname(file));
  const query = normalise(directives);
  const found = directives.calib ? findSamples(directives.calib, dirname(file)) : undefined;
  if (found && directives.precision !== 'int8')
    throw badDirective('calib', directives.calib, 'only precision=int8 needs inputs');
  const besides = [...(profileFile ? [profileFile] : []), ...(found?.files ?? [])];

  const versions = [fingerprint(), name, query, found?.sha256 ?? '', codeOf(customLayers)];
  const key = sha256(JSON.stringify(versions), showProfile(profile), bytes);
  const entry = await cache?.read(key);
  const kept = entry?.data as Kept | undefined;
  const unchanged = kept?.externalReads.every((read) => isCurrent(read, external)) ?? false;
  if (entry && kept && unchanged) return assemble(file, kept, entry.files, true, besides);

  let externalReads: readonly ExternalRead[] = [];
  // The bytes go once they are decoded, and the graph once it is folded: big weights are not held along the way.
  const take = (): Uint8Array => {
    const taken = bytes ?? new Uint8Array(0);
    bytes = undefined;
    return taken;
  };
  const read = () => {
    const model = readModel(take(), file, directives, external, customLayers);
    externalReads = model.externalReads;
    return model.graph;
  };
  const { program, modules, weights } = compile(read, {
    weights: directives.weights,
    exact: directives.exact,
    threads: directives.threads,
    precision: directives.precision,
    samples: found?.samples ?? [],
    profile,
  });
  const files = { plain: modules.plain, relaxed: modules.relaxed, weights };
  await cache?.write(key, { data: { program, externalReads } satisfies Kept, files });
  return assemble(file, { program, externalReads }, files, false, besides);
}

/**
 * Reads a model file.
 *
 * @throws {EspalierError} NO_MODEL
 */
export async function readModelFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
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
  { shape, input }: Pick<Directives, 'shape' | 'input'>,
  external: ExternalReader = externalDataIn(dirname(file), basename(file)),
  customLayers: CustomLayers = {},
): ReadModel {
  const externalReads: ExternalRead[] = [];
  const noting: ExternalReader = (location, offset, length) => {
    const data = external(location, offset, length);
    externalReads.push({ location, offset, length: data.length, sha256: sha256(data) });
    return data;
  };
  const { model, options } = opened(bytes, file, { shape, input }, noting, customLayers);
  return { graph: model.import(options), externalReads };
}

/**
 * What would become of each operator of a model.
 *
 * @throws {EspalierError} as the survey of its format does
 */
export function surveyModel(
  bytes: Uint8Array,
  file: string,
  given: Pick<Directives, 'shape' | 'input'>,
): Survey {
  const external = externalDataIn(dirname(file), basename(file));
  const { model, options } = opened(bytes, file, given, external);
  return model.survey(options);
}

/** A model, and how its inputs are closed. */
function opened(
  bytes: Uint8Array,
  file: string,
  { shape, input }: Pick<Directives, 'shape' | 'input'>,
  external: ExternalReader,
  customLayers: CustomLayers = {},
): { readonly model: OpenModel; readonly options: CloseOptions } {
  const model = openModel(bytes, { file: basename(file), external, customLayers });
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

/** What a build remembers of the layers of a configuration. */
const codeOf = (layers: CustomLayers): string =>
  Object.entries(layers)
    .map(([name, layer]) => `${name}: ${layer}`)
    .sort()
    .join('\n');

function isCurrent(
  { location, offset, length, sha256: expected }: ExternalRead,
  read: ExternalReader,
) {
  try {
    return sha256(read(location, offset, length)) === expected;
  } catch {
    // The file went away or shrank: building anew says so properly.
    return false;
  }
}

async function assemble(
  file: string,
  { program, externalReads }: Kept,
  files: Readonly<Record<string, Uint8Array>>,
  fromCache: boolean,
  besides: readonly string[],
): Promise<BuiltModel> {
  const stem = basename(file)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]/g, '_');
  const script = program.parallel && Buffer.from(await threadScript());
  const asset = (
    role: string,
    extension: string,
    type: Asset['type'],
    bytes = files[role]!,
  ): Asset => ({
    name: `${stem}-${role}-${sha256(bytes).slice(0, 12)}.${extension}`,
    type,
    bytes,
  });
  const locations = new Set(externalReads.map(({ location }) => location));
  return {
    program,
    plain: asset('plain', 'wasm', 'application/wasm'),
    relaxed: asset('relaxed', 'wasm', 'application/wasm'),
    weights: asset('weights', 'bin', 'application/octet-stream'),
    thread: script && asset('thread', 'js', 'text/javascript', script),
    externalFiles: [
      ...[...locations].map((location) => resolve(dirname(file), location)),
      ...besides,
    ],
    fromCache,
  };
}

/** One line about a build: what ships, and how it was made. */
export function summarise(name: string, built: BuiltModel, ms: number): string {
  const kB = (bytes: number) => `${Math.ceil(bytes / 1000)} kB`;
  const { plain, weights, fromCache } = built;
  const how = fromCache ? 'from the cache' : `compiled in ${(ms / 1000).toFixed(1)} s`;
  return `${name}: ${kB(plain.bytes.length)} of code, ${kB(weights.bytes.length)} of weights, ${how}`;
}
