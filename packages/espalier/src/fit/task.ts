// `net.task.ts` beside a model: inputs with what is known of them, and the metric that counts.

import { existsSync } from 'node:fs';
import { type Outputs, split } from '@espalier/search';
import { badModule } from '../errors.ts';
import { collect, type Yielded } from '../inputs/module.ts';
import { loadModule, moduleDigest } from '../modules.ts';

/** One input of a task: what the network gets, and whatever the metric needs to know. */
export interface Example {
  readonly input: Yielded;
  readonly [known: string]: unknown;
}

/** A list or an iterator of examples. */
type Examples = Iterable<Example> | AsyncIterable<Example>;

/** What a task module exports by default. */
export interface Task {
  /** Examples, or a function that returns them; half are held out. */
  readonly data: Examples | (() => Examples);
  /** How good outputs are, more being better; the examples are those of the outputs. */
  metric(outputs: readonly Outputs[], examples: readonly Example[]): number;
}

/** Checks a task as it is written down. */
export const defineTask = (task: Task): Task => task;

/** A task that was found. */
export interface FoundTask {
  readonly path: string;
  readonly sha256: string;
}

/** More examples are not looked at. */
const mostExamples = 4096;

/** The task beside a model: `net.task.ts` of `net.onnx`. */
export function findTask(model: string): FoundTask | undefined {
  const stem = model.replace(/\.[^.]*$/, '');
  const path = ['ts', 'mts', 'js', 'mjs']
    .map((ending) => `${stem}.task.${ending}`)
    .find((file) => existsSync(file));
  return path === undefined ? undefined : { path, sha256: moduleDigest(path) };
}

/** A task that is ready: its examples, and its metric of the held-out half. */
export interface OpenTask {
  readonly examples: readonly Example[];
  metric(heldOut: readonly Outputs[]): number;
}

/**
 * Loads a task.
 *
 * @throws {EspalierError} BAD_MODULE
 */
export async function openTask(path: string): Promise<OpenTask> {
  const { default: task } = (await loadModule(path)) as { readonly default?: Partial<Task> };
  const { metric, data } = task ?? {};
  if (typeof metric !== 'function' || data === undefined)
    throw badModule(path, 'its default export has no data and metric');
  const examples = (await collect(data, mostExamples, path)) as Example[];
  const { heldOut } = split(examples);
  return {
    examples,
    metric(outputs) {
      const score = metric.call(task, outputs, heldOut);
      if (!Number.isFinite(score)) throw badModule(path, `its metric is ${score}`);
      return score;
    },
  };
}
