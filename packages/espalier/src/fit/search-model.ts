// One search: the graph, its inputs and a wish become a plan, in threads, with every evaluation kept.

import { createHash } from 'node:crypto';
import { optimise, type Profile, showProfile } from '@espalier/compiler';
import { digests, type Graph, parse, print } from '@espalier/ir';
import { type Fitted, fit, type Problem, type Progress } from '@espalier/search';
import type { Cache } from '../cache.ts';
import { fingerprint } from '../fingerprint.ts';
import { type CalibrationInputs, exampleSamples, type InputKind } from '../inputs/index.ts';
import type { Preprocessing } from '../inputs/preprocess.ts';
import { type Journal, openJournal } from './journal.ts';
import type { Measured } from './lock.ts';
import { measureBoth } from './measure.ts';
import { openPool, type Pool, usualThreads } from './pool.ts';
import { type FoundTask, type OpenTask, openTask } from './task.ts';
import type { Wish } from './wish.ts';

/** What a search is for. */
export interface SearchSetup {
  /** As it was imported. */
  readonly source: Graph;
  readonly profile: Profile;
  readonly wish: Wish;
  readonly inputs: CalibrationInputs;
  readonly preprocessing: Readonly<Record<string, Preprocessing>>;
  readonly task: FoundTask | undefined;
  readonly cache: Cache | undefined;
  /** Default as many as the machine runs at once. */
  readonly threads?: number | undefined;
  /** Whether the device is this machine: then an accepted plan has to be faster here, too. */
  readonly measure?: boolean;
  onProgress?(progress: Progress): void;
}

/** What a search ended with. */
export interface Searched extends Fitted {
  readonly inputs: { readonly kind: InputKind; readonly count: number };
  readonly measured?: Measured;
  /** Evaluations of this run, and those that an earlier one had finished. */
  readonly evaluations: { readonly computed: number; readonly found: number };
}

/** A network as all threads see it: read from its own text, so that names and order are the same everywhere. */
export function canonical(source: Graph): {
  readonly graph: Graph;
  readonly text: string;
  readonly constants: ReturnType<typeof digests>;
} {
  const optimised = optimise(source);
  const [text, constants] = [print(optimised), digests(optimised)];
  return { graph: parse(text, constants), text, constants };
}

/** What evaluates for a search. */
export interface Evaluation {
  /** As all threads see it. */
  readonly graph: Graph;
  readonly problem: Omit<Problem, 'metric'>;
  readonly task: OpenTask | undefined;
  readonly journal: Journal;
  /** To be closed. */
  readonly pool: Pool;
}

/** Opens the threads and the journal of a search. */
export async function openEvaluation(
  setup: Omit<SearchSetup, 'measure' | 'onProgress'>,
): Promise<Evaluation> {
  const { source, profile, wish, inputs: found, task, cache } = setup;
  const { graph, text, constants } = canonical(source);
  const opened = task && (await openTask(task.path));
  const inputs = opened
    ? exampleSamples(
        source,
        opened.examples.map(({ input }) => input),
        task.path,
        setup.preprocessing,
      )
    : found.samples(source);
  const { seed = 1, pins = {}, limits = {} } = wish;
  const madeUp = !opened && found.kind === 'synthetic';
  const problem = { profile, inputs, seed, pins, limits, madeUp };
  const parts = [
    fingerprint(),
    text,
    showProfile(profile),
    task?.sha256 ?? '',
    JSON.stringify({ seed, pins, madeUp, bounded: Object.keys(limits) }),
  ];
  const hash = createHash('sha256').update(JSON.stringify(parts));
  for (const { data } of inputs.flatMap((input) => Object.values(input)))
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const key = hash.digest('hex');
  const journal = openJournal(cache, key);
  const pool = openPool(
    { text, constants, problem, task: task?.path },
    setup.threads ?? usualThreads(),
    journal,
  );
  return { graph, problem, task: opened, journal, pool };
}

/**
 * Searches.
 *
 * @throws {EspalierError} as `fit` does, and SEARCH_STOPPED
 */
export async function searchModel(setup: SearchSetup): Promise<Searched> {
  const { profile, wish, inputs: found, task } = setup;
  const { graph, problem, task: opened, journal, pool } = await openEvaluation(setup);
  try {
    const onProgress = setup.onProgress && { onProgress: setup.onProgress };
    const options = {
      ...problem,
      ...wish,
      ...onProgress,
      ...(opened && { metric: opened.metric }),
    };
    const fitted = await fit(graph, options, pool);
    const kind = task ? 'task' : found.kind;
    const common = { inputs: { kind, count: problem.inputs.length }, evaluations: journal.counts };
    if (!setup.measure || !fitted.accepted) return { ...fitted, ...common };
    const key = `measured ${JSON.stringify(fitted.shipped)}`;
    // Kept like an evaluation, so that the next build decides alike.
    const measured = await journal.remember(key, async () =>
      measureBoth(graph, fitted.graph, profile),
    );
    if (measured.ms < measured.denseMs) return { ...fitted, ...common, measured };
    const times = (measured.denseMs / measured.ms).toFixed(2);
    const { dense } = fitted;
    const reason = `predicted to be faster, measured ${times} times as fast`;
    const nothing = { precision: 'f32', plan: [], widths: [], weights: new Map() } as const;
    const rest = { graph, accepted: false, reason, ...nothing, shipped: dense };
    return { ...fitted, ...common, ...rest, measured };
  } finally {
    await pool.close();
  }
}
