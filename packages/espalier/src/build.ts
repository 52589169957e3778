// The story of a build: read the model, import it, compile it, name its assets; or take all that
// from the cache.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
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
import { EspalierError, type Graph } from '@espalier/ir';
import type { Program } from '@espalier/runtime';
import type { Cache } from './cache.ts';
import type { OwnConfig } from './config.ts';
import { type Directives, normalise } from './directives.ts';
import { badDirective, noModel } from './errors.ts';
import { fingerprint } from './fingerprint.ts';
import type { External, PlanRecord } from './fit/lock.ts';
import { lockPath, lockWeightsPath } from './fit/lock.ts';
import {
  applyPlan,
  type Decision,
  decide,
  type FreshPlan,
  makePlan,
  type Planning,
  type PlanOptions,
} from './fit/plan-model.ts';
import { findTask } from './fit/task.ts';
import { wishOf } from './fit/wish.ts';
import { type CalibrationInputs, findInputs } from './inputs/index.ts';
import { threadScript } from './runtime-files.ts';
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
  /** Absolute paths of the files besides the model that were read: external data, a device profile, a plan. */
  readonly externalFiles: readonly string[];
  readonly fromCache: boolean;
  /** What was decided about fitting it; absent where nobody asked. */
  readonly fit?: FitNote;
}

/** How a model came to fit its device. */
export interface FitNote {
  readonly from: 'lock' | 'search' | 'dense';
  readonly reason: string;
  readonly plan?: PlanRecord;
  /** What had changed since the plan beside the model was written. */
  readonly stale?: string;
}

/** What a build goes by, besides the query. */
export interface BuildOptions extends PlanOptions {
  readonly config?: OwnConfig;
  /** Importers of TF.js layers that are not Keras' own, by class name. */
  readonly customLayers?: CustomLayers | undefined;
}

/** A model as it was read, before compilation. */
export interface ReadModel {
  readonly graph: Graph;
  readonly externalReads: readonly ExternalRead[];
}

/** One piece of data beside the model that the build depends on. */
type ExternalRead = External;

/** What the cache holds of a build, besides the files. */
interface Kept {
  readonly program: Program;
  readonly externalReads: readonly ExternalRead[];
  readonly fit?: FitNote;
}

const sha256 = (...parts: (Uint8Array | string)[]): string => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/**
 * Compiles the model in a file, fitted to the device where the query asks for that.
 *
 * @throws {EspalierError} NO_MODEL, NO_PROFILE, BAD_PROFILE, and what importing, compiling and searching throw
 */
export async function buildModel(
  file: string,
  directives: Directives,
  cache: Cache | undefined,
  options: BuildOptions = {},
): Promise<BuiltModel> {
  const opened = await openBuild(file, directives, options);
  const { planning, profile, besides, take } = opened;
  const decision = planning && (await decide(planning, options, opened.isCurrent));
  const inputs = await opened.inputs(decision?.kind !== 'lock' && decision?.kind !== 'dense');

  const { customLayers = {} } = options;
  const versions = [
    fingerprint(),
    basename(file),
    normalise(directives),
    inputs?.sha256 ?? '',
    codeOf(customLayers),
  ];
  const plans = decision ? JSON.stringify([planningKey(opened), decisionKey(decision)]) : '';
  const key = sha256(JSON.stringify(versions), plans, showProfile(profile), opened.model);
  const entry = await cache?.read(key);
  const kept = entry?.data as Kept | undefined;
  const unchanged = kept?.externalReads.every(opened.isCurrent) ?? false;
  const files = [...besides, ...(inputs?.files ?? [])];
  if (entry && kept && unchanged) return assemble(file, kept, entry.files, true, files);

  let externalReads: readonly ExternalRead[] = [];
  let samples: ReturnType<CalibrationInputs['samples']> = [];
  const read = () => {
    const model = readModel(take(), file, directives, opened.external, customLayers);
    externalReads = model.externalReads;
    if (directives.precision === 'int8' && inputs) samples = inputs.samples(model.graph);
    return model.graph;
  };
  let fit: FitNote | undefined;
  let source: () => Graph = read;
  if (planning && decision) {
    const fresh =
      decision.kind === 'search'
        ? await makePlan(read(), { ...planning, inputs: inputs! }, cache, options)
        : undefined;
    fit = noteOf(decision, fresh);
    if (fresh) source = () => fresh.graph;
    else if (decision.kind === 'lock') source = () => applyPlan(read(), decision.weights);
  }
  const { program, modules, weights } = compile(source, {
    weights: directives.weights,
    exact: directives.exact,
    threads: directives.threads,
    precision: directives.precision,
    samples: () => samples,
    profile,
  });
  const made = { plain: modules.plain, relaxed: modules.relaxed, weights };
  const data: Kept = { program, externalReads, ...(fit && { fit }) };
  await cache?.write(key, { data, files: made });
  return assemble(file, data, made, false, files);
}

/** What a plan depends on beyond the query: the configuration's pins and preprocessing, and the task. */
const planningKey = ({ planning }: OpenBuild) => [
  planning?.wish,
  planning?.preprocessing,
  planning?.task?.sha256,
];

const decisionKey = (decision: Decision) =>
  decision.kind === 'lock' ? [decision.entry.weights, decision.entry.plan] : [decision.kind];

function noteOf(decision: Decision, fresh: FreshPlan | undefined): FitNote {
  if (decision.kind === 'dense') return { from: 'dense', reason: decision.reason };
  if (decision.kind === 'lock')
    return { from: 'lock', reason: decision.entry.plan.reason, plan: decision.entry.plan };
  const { plan } = fresh!; // a search has just ended
  return {
    from: 'search',
    reason: plan.reason,
    plan,
    ...(decision.stale !== undefined && { stale: decision.stale }),
  };
}

/** A model and its query, read as far as decisions need. */
export interface OpenBuild {
  readonly profile: ReturnType<typeof readTarget>['profile'];
  /** What fits it to a device, if that is asked for. */
  readonly planning: Planning | undefined;
  /** The inputs that calibrate, if the query has a use for them. */
  inputs(needed: boolean): Promise<CalibrationInputs | undefined>;
  /** Files that decide besides the model. */
  readonly besides: readonly string[];
  /** Digest of the model's bytes. */
  readonly model: string;
  readonly external: ExternalReader;
  isCurrent(read: ExternalRead): boolean;
  /** The bytes of the model, once: whoever takes them lets go of them. */
  take(): Uint8Array;
}

/**
 * Reads what a build depends on.
 *
 * @throws {EspalierError} NO_MODEL, NO_PROFILE, BAD_PROFILE, BAD_DIRECTIVE, NO_SAMPLES
 */
export async function openBuild(
  file: string,
  directives: Directives,
  { config }: Pick<BuildOptions, 'config'> = {},
): Promise<OpenBuild> {
  let bytes: Uint8Array | undefined = await readModelFile(file);
  const name = basename(file);
  const external = externalDataIn(dirname(await realpath(file)), name);
  const { profile, file: profileFile } = readTarget(directives.target, dirname(file));
  const query = normalise(directives);
  const wish = wishOf(directives, config?.layers ?? {});
  if (directives.calib && directives.precision !== 'int8' && !wish)
    throw badDirective('calib', directives.calib, 'only a search or precision=int8 needs inputs');
  const preprocessing = config?.preprocessing ?? {};
  const task = wish && findTask(file);
  let found: CalibrationInputs | undefined;
  const find = async () => {
    const { calib, seed } = directives;
    found ??= await findInputs(calib, dirname(file), { preprocessing, seed });
    return found;
  };
  const wanted = wish !== undefined || directives.precision === 'int8';
  const model = sha256(bytes);
  const known = wish && (await find().catch(allowMissing));
  return {
    profile,
    external,
    model,
    planning: wish && { file, query, wish, profile, inputs: known, preprocessing, task, model },
    inputs: async (needed) => (wanted && (needed || known) ? await find() : undefined),
    besides: [
      ...(profileFile ? [profileFile] : []),
      ...(config?.file ? [config.file] : []),
      ...(task ? [task.path] : []),
      ...(wish ? [lockPath(file), lockWeightsPath(file)].filter((path) => existsSync(path)) : []),
    ],
    isCurrent: (read) => isCurrent(read, external),
    // The bytes go once they are decoded, and the graph once it is folded: big weights are not held along the way.
    take: () => {
      const taken = bytes ?? new Uint8Array(0);
      bytes = undefined;
      return taken;
    },
  };
}

/** Inputs may be missing where a valid plan was made of them. */
function allowMissing(error: unknown): undefined {
  if (!(error instanceof EspalierError) || error.code !== 'NO_SAMPLES') throw error;
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
  { program, externalReads, fit }: Kept,
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
    ...(fit && { fit }),
  };
}

/** One line about a build: what ships, how it was made, and how it came to fit its device. */
export function summarise(name: string, built: BuiltModel, ms: number): string {
  const kB = (bytes: number) => `${Math.ceil(bytes / 1000)} kB`;
  const { plain, weights, fromCache, fit } = built;
  const verb = fit?.from === 'search' ? 'searched and compiled' : 'compiled';
  const how = fromCache ? 'from the cache' : `${verb} in ${(ms / 1000).toFixed(1)} s`;
  const line = `${name}: ${kB(plain.bytes.length)} of code, ${kB(weights.bytes.length)} of weights, ${how}`;
  return fit ? `${line}; ${describeFit(fit)}` : line;
}

/** What was decided about a device, in a few words. */
export function describeFit({ plan, reason, from, stale }: FitNote): string {
  if (!plan) return reason;
  const { dense, shipped, device, source, inputs, accepted } = plan;
  const on = `${inputs.count} ${inputs.kind === 'synthetic' ? 'synthetic inputs' : 'inputs'}`;
  const times = `${shipped.ms.toPrecision(3)} ms on ${device} (${source}) instead of ${dense.ms.toPrecision(3)}`;
  const what = accepted ? `fitted: ${reason}, ${times}` : `dense ships: ${reason}`;
  const plans = from === 'lock' ? ', plan beside the model' : '';
  const old = stale ? ` (the plan beside the model is stale: ${stale})` : '';
  return `${what}, judged on ${on}${plans}${old}`;
}
