// Starts a file of this folder in a thread.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/**
 * Starts `<name>` in a thread. In a checkout that is TypeScript, and the loader that reads it for the process does not
 * work in threads unless it is asked to.
 */
export function startThread(name: string, workerData: unknown): Worker {
  const ending = extname(import.meta.url);
  const file = new URL(`./${name}${ending}`, import.meta.url);
  if (ending !== '.ts') return new Worker(file, { workerData });
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const code = `import { register } from ${loader}; register(); await import(${JSON.stringify(file.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData });
}
