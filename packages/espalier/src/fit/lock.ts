// The plan beside a model: `net.espalier.json` says what was decided, `net.espalier.safetensors` holds the weights
// that changed. One entry a query.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type NamedTensors, readSafetensors, writeSafetensors } from '@espalier/importers';
import { EspalierError } from '@espalier/ir';
import {
  type NetworkPrecision,
  type NewWeights,
  networkPrecisions,
  type PlannedLayer,
  type PlannedWidth,
  type StrategyName,
  type Trial,
} from '@espalier/search';
import { replaceFile } from '../cache.ts';
import { badLock } from '../errors.ts';
import type { InputKind } from '../inputs/index.ts';
import type { External } from '../read-model.ts';

/** What a plan depends on, each by its digest. */
export interface Identity {
  /** Limits and pins, those of the configuration too. */
  readonly wish: string;
  readonly model: string;
  readonly device: string;
  readonly inputs: string;
  readonly compiler: string;
}

/** Two networks, timed turn and turn about. */
export interface Measured {
  readonly engine: string;
  readonly denseMs: number;
  readonly ms: number;
}

/** What a search found out. */
export interface PlanRecord {
  readonly accepted: boolean;
  readonly reason: string;
  readonly dense: Trial;
  readonly shipped: Trial;
  /** `agreement`, or `metric` of the task. */
  readonly metric: 'agreement' | 'metric';
  readonly drop: number;
  /** Who made it. */
  readonly strategy: StrategyName;
  readonly device: string;
  /** `measured` or `estimated` prices. */
  readonly source: string;
  readonly inputs: { readonly kind: InputKind; readonly count: number };
  /** Both networks timed here, where the device is this machine. */
  readonly measured?: Measured;
  /** What layers are computed in; absent for floats. */
  readonly precision?: NetworkPrecision;
  readonly layers: readonly PlannedLayer[];
  /** Channels that went; absent where none did. */
  readonly widths?: readonly PlannedWidth[];
  readonly trials: readonly Trial[];
}

/** An entry of a lock. */
export interface LockEntry {
  readonly identity: Identity;
  readonly external: readonly External[];
  readonly plan: PlanRecord;
  /** Digest of the weights that belong to it; empty where none changed. */
  readonly weights: string;
}

/** A lock as it was read. */
export interface Lock {
  readonly entries: Readonly<Record<string, LockEntry>>;
  /** Digest of an entry's weights as they lie in the file, and the weights by layer. */
  weightsOf(query: string): { readonly sha256: string; readonly byLayer: Map<string, NewWeights> };
}

const format = 'espalier lock 1';

const stem = (model: string): string => model.replace(/\.[^./]*$/, '');

/** Where the plan of a model lies. */
export const lockPath = (model: string): string => `${stem(model)}.espalier.json`;

/** Where its weights lie. */
export const lockWeightsPath = (model: string): string => `${stem(model)}.espalier.safetensors`;

const prefixOf = (query: string): string =>
  `${createHash('sha256').update(query).digest('hex').slice(0, 12)}/`;

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Reads the lock of a model; `undefined` where there is none.
 *
 * @throws {EspalierError} BAD_LOCK
 */
export async function readLock(model: string): Promise<Lock | undefined> {
  const path = lockPath(model);
  const text = await readIfThere(path);
  if (!text) return undefined;
  const entries = parseEntries(Buffer.from(text).toString('utf8'), path);
  const bytes = await readIfThere(lockWeightsPath(model));
  let tensors: NamedTensors = new Map();
  try {
    if (bytes) tensors = readSafetensors(bytes, lockWeightsPath(model));
  } catch (error) {
    if (error instanceof EspalierError)
      throw badLock(lockWeightsPath(model), 'it cannot be read', error);
    throw error;
  }
  return { entries, weightsOf: (query) => weightsIn(tensors, query) };
}

/** What a lock says, checked as far as a build relies on it. */
function parseEntries(text: string, path: string): Lock['entries'] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badLock(path, 'it is no JSON', cause);
  }
  const { format: own, plans } = (value ?? {}) as { format?: unknown; plans?: unknown };
  if (own !== format) throw badLock(path, `it is not of the format ${JSON.stringify(format)}`);
  if (typeof plans !== 'object' || plans === null) throw badLock(path, 'it has no plans');
  for (const [query, entry] of Object.entries(plans)) {
    const { identity, external, plan, weights } = (entry ?? {}) as Partial<LockEntry>;
    const whole =
      typeof identity?.model === 'string' &&
      Array.isArray(external) &&
      typeof weights === 'string' &&
      typeof plan?.accepted === 'boolean' &&
      typeof plan.dense?.ms === 'number' &&
      typeof plan.shipped?.ms === 'number' &&
      networkPrecisions.includes(plan.precision ?? 'f32') &&
      Array.isArray(plan.layers) &&
      Array.isArray(plan.widths ?? []) &&
      (plan.widths ?? []).every(isWidth);
    if (!whole) throw badLock(path, `the plan of ${JSON.stringify(query)} is not whole`);
  }
  return plans as Lock['entries']; // just checked
}

/** Whether a group of channels of a plan may be taken at its word. */
const isWidth = (width: Partial<PlannedWidth> | null): boolean => {
  const { group, units = 0, dropped } = width ?? {};
  return (
    typeof group === 'string' &&
    Array.isArray(dropped) &&
    dropped.length < units &&
    dropped.every((unit) => Number.isInteger(unit) && unit >= 0 && unit < units)
  );
};

function weightsIn(tensors: NamedTensors, query: string) {
  const prefix = prefixOf(query);
  const own = new Map([...tensors].filter(([name]) => name.startsWith(prefix)));
  const byLayer = new Map<string, NewWeights>();
  for (const [name, { data }] of own) {
    if (!name.endsWith('/weights')) continue;
    const layer = name.slice(prefix.length, -'/weights'.length);
    const bias = own.get(`${prefix}${layer}/bias`)?.data as Float32Array | undefined;
    // Floats are all that is written.
    byLayer.set(layer, { weights: data as Float32Array, ...(bias && { bias }) });
  }
  return { sha256: digestOf(own), byLayer };
}

const digestOf = (tensors: NamedTensors): string =>
  tensors.size === 0 ? '' : createHash('sha256').update(writeSafetensors(tensors)).digest('hex');

/** New weights of an entry as tensors of the file. */
const tensorsFor = (query: string, weights: ReadonlyMap<string, NewWeights>): NamedTensors =>
  new Map(
    [...weights].flatMap(([layer, given]) =>
      Object.entries(given).map(([role, data]: [string, Float32Array]) => [
        `${prefixOf(query)}${layer}/${role}`,
        { type: { dtype: 'f32', shape: [data.length] }, data },
      ]),
    ),
  );

/**
 * Writes one entry of a model's lock, and keeps the others.
 *
 * @returns The files that were written.
 */
export async function writeLock(
  model: string,
  query: string,
  entry: Omit<LockEntry, 'weights'>,
  weights: ReadonlyMap<string, NewWeights>,
): Promise<string[]> {
  const old = await readLock(model);
  const own = tensorsFor(query, weights);
  const entries = {
    ...old?.entries,
    [query]: { ...entry, weights: digestOf(own) },
  };
  const tensors = new Map(own);
  for (const other of Object.keys(entries))
    if (other !== query && old)
      for (const [name, tensor] of tensorsFor(other, old.weightsOf(other).byLayer))
        tensors.set(name, tensor);
  const sorted = Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = `${JSON.stringify({ format, model: basename(model), plans: sorted }, null, 2)}\n`;
  await replaceFile(lockWeightsPath(model), writeSafetensors(tensors));
  await replaceFile(lockPath(model), text);
  return [lockPath(model), lockWeightsPath(model)];
}
