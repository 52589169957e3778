// What becomes of a model that is to fit a device: the plan beside it where that is valid, else a search; while
// developing, the dense network at once.

import { type Profile, showProfile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';
import { fittedNetwork, type NewWeights, type Progress } from '@espalier/search';
import type { Cache } from '../cache.ts';
import { sha256 } from '../digest.ts';
import { staleLock } from '../errors.ts';
import { fingerprint } from '../fingerprint.ts';
import type { CalibrationInputs } from '../inputs/index.ts';
import type { Preprocessing } from '../inputs/preprocess.ts';
import type { External } from '../read-model.ts';
import { type Identity, type LockEntry, lockPath, type PlanRecord, readLock } from './lock.ts';
import { canonical, searchModel } from './search-model.ts';
import type { FoundTask } from './task.ts';
import type { Wish } from './wish.ts';

/** How a build treats plans. */
export interface PlanOptions {
  /** While developing: never search. */
  readonly serve?: boolean | undefined;
  /** Never search, and fail where the plan beside the model is not valid; in CI only where there is a stale one. */
  readonly frozen?: boolean | undefined;
  readonly threads?: number | undefined;
  onProgress?(progress: Progress): void;
  /** Told of what is done once for all builds: the calibration of this machine. */
  log?(line: string): void;
}

/** A model that is to fit a device. */
export interface Planning {
  /** Path of the model. */
  readonly file: string;
  /** Normalised. */
  readonly query: string;
  readonly wish: Wish;
  readonly profile: Profile;
  /** `undefined` where the inputs that the query names are not there: a valid plan does not need them. */
  readonly inputs: CalibrationInputs | undefined;
  readonly preprocessing: Readonly<Record<string, Preprocessing>>;
  readonly task: FoundTask | undefined;
  /** Whether the device is this machine. */
  readonly measure: boolean;
  /** Digest of the model's own bytes. */
  readonly model: string;
}

/** What is to be done about a plan, before the model is imported. */
export type Decision =
  | { readonly kind: 'lock'; readonly entry: LockEntry; readonly weights: Map<string, NewWeights> }
  | { readonly kind: 'dense'; readonly reason: string }
  /** `stale` says what has changed since the plan beside the model was written. */
  | { readonly kind: 'search'; readonly stale: string | undefined };

/** What a plan depends on. */
export const identityOf = ({ wish, profile, inputs, task, model }: Planning): Identity => ({
  wish: sha256(JSON.stringify(wish)),
  model,
  device: sha256(showProfile(profile)),
  inputs: task?.sha256 ?? inputs?.sha256 ?? '',
  compiler: fingerprint(),
});

const changed: Readonly<Record<keyof Identity, string>> = {
  wish: 'the configuration asks for something else',
  model: 'the model has changed',
  device: 'the device has another profile',
  inputs: 'the inputs have changed',
  compiler: 'it was made by another version',
};

/** Why an entry does not hold any more. */
function staleness(
  entry: LockEntry,
  identity: Identity,
  weights: string,
  isCurrent: (external: External) => boolean,
): string | undefined {
  for (const name of ['wish', 'model', 'device', 'inputs', 'compiler'] as const) {
    // Inputs need not be checked in with the plan.
    if (name === 'inputs' && identity.inputs === '') continue;
    if (entry.identity[name] !== identity[name]) return changed[name];
  }
  if (!entry.external.every(isCurrent)) return changed.model;
  return entry.weights === weights ? undefined : 'its weights are not those that were written';
}

/** The command that writes a plan. */
export const searchCommand = (file: string, query: string): string =>
  `npx espalier search '${file}${query ? `?${query}` : ''}'`;

/**
 * Decides from the plan beside the model.
 *
 * @throws {EspalierError} STALE_LOCK, BAD_LOCK
 */
export async function decide(
  planning: Planning,
  { serve = false, frozen = false }: PlanOptions,
  isCurrent: (external: External) => boolean,
): Promise<Decision> {
  const { file, query } = planning;
  const lock = await readLock(file);
  const entry = lock?.entries[query];
  const stored = lock?.weightsOf(query);
  const stale = entry && stored && staleness(entry, identityOf(planning), stored.sha256, isCurrent);
  if (entry && stored && !stale) return { kind: 'lock', entry, weights: stored.byLayer };
  if (serve) return { kind: 'dense', reason: 'dense while developing; a build fits it' };
  const inCi = process.env.CI === 'true' || process.env.CI === '1';
  if (frozen || (inCi && stale))
    throw staleLock(
      lockPath(file),
      stale ? `is stale: ${stale}` : `has no plan for ${JSON.stringify(query)}`,
      searchCommand(file, query),
    );
  return { kind: 'search', stale };
}

/** The graph of a valid plan. */
export function applyPlan(
  source: Graph,
  { widths = [], precision = 'f32' }: PlanRecord,
  weights: ReadonlyMap<string, NewWeights>,
): Graph {
  return fittedNetwork(canonical(source).graph, weights, widths, precision);
}

/** What a search decided, ready to be written down. */
export interface FreshPlan {
  readonly graph: Graph;
  readonly plan: PlanRecord;
  readonly weights: ReadonlyMap<string, NewWeights>;
  readonly evaluations: { readonly computed: number; readonly found: number };
}

/**
 * Searches for a plan.
 *
 * @throws {EspalierError} as `searchModel` does; NO_SAMPLES
 */
export async function makePlan(
  source: Graph,
  planning: Planning & { readonly inputs: CalibrationInputs },
  cache: Cache | undefined,
  { threads, onProgress }: PlanOptions,
): Promise<FreshPlan> {
  const { profile, wish, task } = planning;
  const progress = onProgress && { onProgress };
  const searched = await searchModel({ ...planning, source, cache, threads, ...progress });
  const {
    accepted,
    reason,
    dense,
    shipped,
    inputs,
    plan: layers,
    widths,
    precision,
    trials,
  } = searched;
  return {
    graph: searched.graph,
    weights: searched.weights,
    evaluations: searched.evaluations,
    plan: {
      accepted,
      reason,
      dense,
      shipped,
      metric: task ? 'metric' : 'agreement',
      drop: wish.drop ?? 0.01,
      strategy: wish.strategy ?? 'knapsack',
      device: profile.name,
      source: profile.source,
      inputs,
      ...(searched.measured && { measured: searched.measured }),
      ...(precision !== 'f32' && { precision }),
      layers,
      ...(widths.length > 0 && { widths }),
      trials,
    },
  };
}
