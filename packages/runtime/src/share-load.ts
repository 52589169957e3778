// Several callers wait for one load; it is stopped when the last of them has left.

import type { Progress } from './instance.ts';
import type { LoadOptions } from './model.ts';

interface Flight {
  readonly result: Promise<void>;
  readonly abort: AbortController;
  readonly watchers: Set<(progress: Progress) => void>;
  waiting: number;
}

/** Makes calls of `start` share its work until it ends; after a failure the next call starts anew. */
export function shareLoad(
  start: (signal: AbortSignal, onProgress: (progress: Progress) => void) => Promise<void>,
): (options: LoadOptions) => Promise<void> {
  let flight: Flight | undefined;

  function take(): Flight {
    if (flight) return flight;
    const abort = new AbortController();
    const watchers: Flight['watchers'] = new Set();
    const result = start(abort.signal, (progress) => {
      for (const watch of watchers) watch(progress);
    })
      .catch((error: unknown) => {
        abort.abort(); // Whatever a failure leaves under way is of no use.
        throw error;
      })
      .finally(() => {
        if (flight === own) flight = undefined;
      });
    const own: Flight = { result, abort, watchers, waiting: 0 };
    flight = own;
    return own;
  }

  return async ({ signal, onProgress }) => {
    signal?.throwIfAborted();
    const own = take();
    own.waiting++;
    if (onProgress) own.watchers.add(onProgress);
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal?.reason);
    });
    signal?.addEventListener('abort', leave);
    try {
      await Promise.race([own.result, left]);
    } finally {
      signal?.removeEventListener('abort', leave);
      if (onProgress) own.watchers.delete(onProgress);
      // One that is over is no flight any more: after a success, its transfer ends by itself.
      if (--own.waiting === 0 && flight === own) {
        own.abort.abort();
        flight = undefined;
      }
    }
  };
}
