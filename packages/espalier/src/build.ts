// The story of a build: read the model, import it, compile it, name its assets; or take all that
// from the cache.

import { basename, dirname, resolve } from 'node:path';
import { compileTogether, showProfile } from '@espalier/compiler';
import type { CustomLayers } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import type { Program } from '@espalier/runtime';
import type { Cache } from './cache.ts';
import type { OwnConfig } from './config.ts';
import { sha256 } from './digest.ts';
import { type Directives, normalise } from './directives.ts';
import { fingerprint } from './fingerprint.ts';
import {
  applyPlan,
  type Decision,
  decide,
  type FreshPlan,
  makePlan,
  type PlanOptions,
} from './fit/plan-model.ts';
import type { CalibrationInputs } from './inputs/index.ts';
import { type OpenBuild, openBuild } from './open-build.ts';
import { type External, readModel } from './read-model.ts';
import { threadScript } from './runtime-files.ts';
import { onlyShape, type Shapes } from './shapes.ts';
import type { FitNote } from './summarise.ts';

/** A file that ships beside the module. */
export interface Asset {
  /** Its own content hash is part of it: equal names mean equal bytes. */
  readonly name: string;
  readonly type: 'application/wasm' | 'application/octet-stream' | 'text/javascript';
  readonly bytes: Uint8Array;
}

/** A program and its modules. */
export interface BuiltProgram {
  readonly program: Program;
  readonly plain: Asset;
  readonly relaxed: Asset;
}

/** A compiled model: the program of its only shape, or of the first that was declared. */
export interface BuiltModel extends BuiltProgram {
  /** The programs of further shapes, which read the same weights. */
  readonly others: readonly BuiltProgram[];
  readonly weights: Asset;
  /** The script of helping threads, for a model that has work for them. */
  readonly thread: Asset | undefined;
  /** Absolute paths of the files besides the model that were read: external data, a device profile, a plan. */
  readonly externalFiles: readonly string[];
  readonly fromCache: boolean;
  /** What was decided about fitting it; absent where nobody asked. */
  readonly fit?: FitNote;
}

/** The programs of all shapes, in the order of the query. */
export const programsOf = (built: BuiltModel): readonly BuiltProgram[] => [built, ...built.others];

/** What a build goes by, besides the query. */
export interface BuildOptions extends PlanOptions {
  readonly config?: OwnConfig;
  /** Importers of TF.js layers that are not Keras' own, by class name. */
  readonly customLayers?: CustomLayers | undefined;
}

/** What the cache holds of a build, besides the files. */
interface Kept {
  readonly programs: readonly Program[];
  readonly externalReads: readonly External[];
  readonly fit?: FitNote;
}

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
  const opened = await openBuild(file, directives, options.config, options);
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

  let externalReads: readonly External[] = [];
  let samples: ReturnType<CalibrationInputs['samples']> = [];
  const several = directives.shape.length > 1;
  // Every program is imported anew: shapes decide what becomes of operators.
  const whole = several ? take() : undefined;
  const read = (shape: Shapes) => {
    const closing = { ...directives, shape };
    const model = readModel(whole ?? take(), file, closing, opened.external, customLayers);
    externalReads = model.externalReads;
    if (directives.precision === 'int8' && inputs) samples = inputs.samples(model.graph);
    return model.graph;
  };
  let fit: FitNote | undefined;
  const readOnly = () => read(onlyShape(directives).shape);
  let source: () => Graph = readOnly;
  if (planning && decision) {
    const fresh =
      decision.kind === 'search'
        ? await makePlan(readOnly(), { ...planning, inputs: inputs! }, cache, options)
        : undefined;
    fit = noteOf(decision, fresh);
    if (fresh) source = () => fresh.graph;
    else if (decision.kind === 'lock')
      source = () => applyPlan(readOnly(), decision.entry.plan, decision.weights);
  }
  const sources = several ? directives.shape.map((shape) => () => read(shape)) : [source];
  const compiled = compileTogether(sources, {
    weights: directives.weights,
    exact: directives.exact,
    threads: directives.threads,
    // A plan says itself what layers are computed in.
    precision: planning || directives.precision === 'auto' ? 'f32' : directives.precision,
    samples: () => samples,
    profile,
  });
  const made = {
    weights: compiled[0]!.weights, // there is a shape, if only that of the file
    ...Object.fromEntries(
      compiled.flatMap(({ modules }, i) => [
        [roleOf('plain', i), modules.plain],
        [roleOf('relaxed', i), modules.relaxed],
      ]),
    ),
  };
  const programs = compiled.map(({ program }) => program);
  const data: Kept = { programs, externalReads, ...(fit && { fit }) };
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

/** What a build remembers of the layers of a configuration. */
const codeOf = (layers: CustomLayers): string =>
  Object.entries(layers)
    .map(([name, layer]) => `${name}: ${layer}`)
    .sort()
    .join('\n');

/** The name in the cache of a module of program `i`. */
const roleOf = (variant: 'plain' | 'relaxed', i: number): string =>
  i === 0 ? variant : `${variant}${i + 1}`;

async function assemble(
  file: string,
  { programs, externalReads, fit }: Kept,
  files: Readonly<Record<string, Uint8Array>>,
  fromCache: boolean,
  besides: readonly string[],
): Promise<BuiltModel> {
  const stem = basename(file)
    .replace(/\.[^.]*$/, '')
    .replace(/[^\w.-]/g, '_');
  const parallel = programs.some((program) => program.parallel);
  const script = parallel && Buffer.from(await threadScript());
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
  const [first, ...others] = programs.map(
    (program, i): BuiltProgram => ({
      program,
      plain: asset(roleOf('plain', i), 'wasm', 'application/wasm'),
      relaxed: asset(roleOf('relaxed', i), 'wasm', 'application/wasm'),
    }),
  );
  return {
    ...first!, // there is a shape, if only that of the file
    others,
    weights: asset('weights', 'bin', 'application/octet-stream'),
    thread: script ? asset('thread', 'js', 'text/javascript', script) : undefined,
    externalFiles: [
      ...[...locations].map((location) => resolve(dirname(file), location)),
      ...besides,
    ],
    fromCache,
    ...(fit && { fit }),
  };
}
