// Evaluates in threads, so that bundlers stay responsive; what is in the journal is not evaluated again.

import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { EspalierError } from '@espalier/ir';
import type { Evaluator } from '@espalier/search';
import { searchStopped } from '../errors.ts';
import type { Journal } from './journal.ts';
import type { Answer, Request, Results, ThreadSetup } from './messages.ts';
import { startThread } from './start-thread.ts';

/** An evaluator with threads of its own. */
export interface Pool extends Evaluator {
  close(): Promise<void>;
}

/** Threads use memory each: more than these gain little. */
const mostThreads = 8;

/** As many threads as the machine runs at once. */
export const usualThreads = (): number => Math.min(mostThreads, availableParallelism());

interface Job {
  readonly request: Request;
  done(value: Results[keyof Results]): void;
  fail(error: unknown): void;
}

/**
 * Opens a pool. Threads start with the first evaluation that is not in the journal.
 *
 * @param threads How many; results do not depend on it.
 */
export function openPool(setup: ThreadSetup, threads: number, journal: Journal): Pool {
  const waiting: Job[] = [];
  const idle: Worker[] = [];
  const all: Worker[] = [];
  let closed = false;

  function start(): Worker {
    const worker = startThread('worker', setup);
    all.push(worker);
    return worker;
  }

  function next(worker: Worker): void {
    const job = waiting.shift();
    if (!job) {
      idle.push(worker);
      worker.unref();
      return;
    }
    worker.ref();
    const settle = (finish: () => void) => {
      worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd);
      finish();
    };
    const onMessage = (answer: Answer) =>
      settle(() => {
        if ('value' in answer) job.done(answer.value);
        else job.fail(errorOf(answer.trouble));
        next(worker);
      });
    const onEnd = (cause: unknown) => settle(() => job.fail(searchStopped(cause)));
    worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd);
    worker.postMessage(job.request);
  }

  function run<K extends Request['kind']>(
    request: Request & { readonly kind: K },
  ): Promise<Results[K]> {
    return new Promise<Results[K]>((resolve, fail) => {
      // A thread answers with the result of the kind that it was asked for.
      const done = resolve as Job['done'];
      waiting.push({ request, done, fail });
      const free = idle.shift() ?? (all.length < threads ? start() : undefined);
      if (free && !closed) next(free);
    });
  }

  return {
    score: (precision) =>
      journal.remember(`score ${precision}`, () => run({ precision, kind: 'score' })),
    at: (precision) => ({
      study: (layer, narrowing) =>
        journal.remember(
          `${precision} study ${layer}${narrowing ? ` of ${narrowing.key}` : ''}`,
          () => run({ precision, kind: 'study', layer, narrowing }),
        ),
      attempt: (key, chosen, widths = new Map()) =>
        journal.remember(`${precision} attempt ${key}`, () =>
          run({
            precision,
            kind: 'attempt',
            key,
            chosen: chosen.map(({ scheme, mask }) => ({ scheme, mask })),
            widths,
          }),
        ),
    }),
    async close() {
      closed = true;
      await Promise.all(all.map((worker) => worker.terminate()));
    },
  };
}

const errorOf = ({ code, message, hint }: { code?: string; message: string; hint?: string }) =>
  code === undefined ? new Error(message) : new EspalierError(code, message, hint ? { hint } : {});
