// `espalier search`: searches for a plan, and writes it beside the model.

import type { Graph } from '@espalier/ir';
import type { BuildOptions } from '../build.ts';
import type { Cache } from '../cache.ts';
import { type Directives, normalise } from '../directives.ts';
import { nothingToSearch } from '../errors.ts';
import { openBuild } from '../open-build.ts';
import { readModel } from '../read-model.ts';
import { onlyShape } from '../shapes.ts';
import { type LockEntry, writeLock } from './lock.ts';
import { identityOf, makePlan } from './plan-model.ts';

/** A plan that has been written. */
export interface LockedModel {
  readonly query: string;
  readonly entry: Omit<LockEntry, 'weights'>;
  /** The network that ships. */
  readonly graph: Graph;
  /** Paths of the plan and its weights. */
  readonly files: readonly string[];
  readonly evaluations: { readonly computed: number; readonly found: number };
}

/**
 * Searches for a plan of the model in a file and writes its lock.
 *
 * @throws {EspalierError} NOTHING_TO_SEARCH, and as building does
 */
export async function lockModel(
  file: string,
  directives: Directives,
  cache: Cache | undefined,
  options: BuildOptions = {},
): Promise<LockedModel> {
  const opened = await openBuild(file, directives, options.config, options);
  const { planning } = opened;
  const query = normalise(directives);
  if (!planning) throw nothingToSearch(query);
  const inputs = (await opened.inputs(true))!; // a plan needs inputs, and finding them throws
  const { graph: source, externalReads } = readModel(
    opened.take(),
    file,
    onlyShape(directives),
    opened.external,
    options.customLayers,
  );
  const fresh = await makePlan(source, { ...planning, inputs }, cache, options);
  const identity = identityOf({ ...planning, inputs });
  const entry = { identity, external: externalReads, plan: fresh.plan };
  const files = await writeLock(file, query, entry, fresh.weights);
  return { query, entry, graph: fresh.graph, files, evaluations: fresh.evaluations };
}
