// Builds every plan beside a model again, and judges what comes out.

import { agreementOf, costsOf, createRun, split, type Trial } from '@espalier/search';
import type { OwnConfig } from '../config.ts';
import { type Directives, normalise } from '../directives.ts';
import { staleLock } from '../errors.ts';
import { exampleSamples } from '../inputs/index.ts';
import { openBuild } from '../open-build.ts';
import { readModel } from '../read-model.ts';
import { onlyShape } from '../shapes.ts';
import { lockPath, readLock } from './lock.ts';
import { applyPlan, searchCommand } from './plan-model.ts';
import { type Comparison, compareTrials, type Tolerances } from './regressions.ts';
import { canonical } from './search-model.ts';
import { openTask } from './task.ts';

/** What a check found. */
export interface Checked {
  readonly query: string;
  readonly comparisons: readonly Comparison[];
  /** Whether anything got worse. */
  readonly regressed: boolean;
}

/**
 * Compares what a build makes of a model now with its committed plan: the compiler may have changed, the model, or the
 * inputs.
 *
 * @throws {EspalierError} STALE_LOCK where there is no plan for the query; what building throws
 */
export async function checkModel(
  file: string,
  directives: Directives,
  config: OwnConfig | undefined,
  tolerances?: Tolerances,
): Promise<Checked> {
  const query = normalise(directives);
  const lock = await readLock(file);
  const entry = lock?.entries[query];
  const opened = await openBuild(file, directives, config);
  const { planning } = opened;
  if (!lock || !entry || !planning)
    throw staleLock(
      lockPath(file),
      `has no plan for ${JSON.stringify(query)}`,
      searchCommand(file, query),
    );
  const { graph: source } = readModel(opened.take(), file, onlyShape(directives), opened.external);
  const graph = applyPlan(source, entry.plan, lock.weightsOf(query).byLayer);
  const task = planning.task && (await openTask(planning.task.path));
  const inputs = task
    ? exampleSamples(
        source,
        task.examples.map(({ input }) => input),
        planning.task!.path,
        planning.preprocessing,
      )
    : (await opened.inputs(true))!.samples(source);
  const { heldOut } = split(inputs);
  const outputs = heldOut.map(createRun(graph));
  const dense = canonical(source).graph;
  const score = task
    ? task.metric(outputs)
    : agreementOf(dense)(heldOut.map(createRun(dense)), outputs);
  const built: Trial = { ...costsOf(graph, opened.profile), score };
  const comparisons = compareTrials(entry.plan.shipped, built, tolerances);
  return { query, comparisons, regressed: comparisons.some(({ regressed }) => regressed) };
}
