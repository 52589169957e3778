// Starts threads, in Node and in pages, and hears of their failures.

import { badThread } from './errors.ts';
import type { Order } from './pool.ts';

/** A thread that helps. */
export interface Helper {
  /** Gives it its work; resolves once it stands by. */
  begin(order: Order): Promise<void>;
  /** Why it is of no use any more, if so. */
  readonly failure: Error | undefined;
  end(): void;
}

/** What both kinds of workers have; Node's takes listeners by another name. */
interface Thread {
  postMessage(message: unknown): void;
  terminate(): unknown;
  unref?(): void;
  on?(event: string, listener: (value: unknown) => void): void;
  addEventListener?(event: string, listener: (value: unknown) => void): void;
}

type ThreadClass = new (script: URL | string) => Thread;

interface NodeProcess {
  getBuiltinModule?(id: 'node:worker_threads'): { readonly Worker: ThreadClass };
  getBuiltinModule?(id: 'node:os'): { availableParallelism(): number };
}

const scope = globalThis as unknown as {
  readonly process?: NodeProcess;
  readonly Worker?: ThreadClass;
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
};

const node = () => scope.process?.getBuiltinModule?.bind(scope.process);

/**
 * How many threads may work here: one unless memory may be shared, which is so in Node and in pages that
 * are isolated from other origins, and workers may be started, which service workers may not.
 */
export function mostThreads(): number {
  const mayShare = typeof SharedArrayBuffer === 'function' && scope.crossOriginIsolated !== false;
  const builtin = node();
  if (!mayShare || !(builtin || scope.Worker)) return 1;
  return (
    builtin?.('node:os').availableParallelism() ?? scope.navigator?.hardwareConcurrency ?? Infinity
  );
}

/** Starts a thread. */
export function startHelper(script: string | URL): Helper {
  let failure: Error | undefined;
  let settle: { resolve(): void; reject(why: Error): void };
  const ready = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever begins is told; a failure before that is no news to anybody else.
  ready.catch(() => {});
  const fail = (cause: unknown) => {
    failure ??= badThread(`${script}`, cause);
    settle.reject(failure);
  };
  let thread: Thread | undefined;
  try {
    const threads = node()?.('node:worker_threads');
    // A page resolves what is relative; in Node nothing is.
    thread = threads ? new threads.Worker(new URL(script)) : new scope.Worker!(script);
    const listen = (thread.on ?? thread.addEventListener!).bind(thread);
    listen('message', () => settle.resolve());
    listen('messageerror', fail);
    listen('error', fail);
    listen('exit', fail);
  } catch (cause) {
    fail(cause);
  }
  return {
    get failure() {
      return failure;
    },
    async begin(order) {
      if (!failure) thread?.postMessage(order);
      await ready;
      // From now on it does not keep Node from ending.
      thread?.unref?.();
    },
    end: () => thread?.terminate(),
  };
}
