// Gets bytes from a URL: over the network, or from the disk where there is a Node to read it.

import { badWeights, noFile } from './errors.ts';

/** What Node and its likes offer in place of a static import, which bundlers would stumble over. */
interface NodeProcess {
  getBuiltinModule?(id: 'node:fs/promises'): {
    readFile(path: URL, options: { signal: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>;
  };
}

/**
 * Opens a file: a response on the network, all bytes from the disk.
 *
 * @throws {EspalierError} NO_FILE
 */
export async function open(
  url: string | URL,
  signal: AbortSignal,
): Promise<Response | Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    const { process } = globalThis as { process?: NodeProcess };
    const read = `${url}`.startsWith('file:') && process?.getBuiltinModule?.('node:fs/promises');
    if (read) return await read.readFile(new URL(url), { signal });
    response = await fetch(url, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw noFile(`${url}`, 'cannot be fetched', cause);
  }
  if (!response.ok) throw noFile(`${url}`, `status ${response.status}`);
  return response;
}

/**
 * Fetches a file of exactly `target.length` bytes into `target`.
 *
 * @throws {EspalierError} NO_FILE, BAD_WEIGHTS
 */
export async function receive(
  url: string | URL,
  target: Uint8Array,
  signal: AbortSignal,
  onBytes: (loadedBytes: number) => void,
): Promise<void> {
  const source = await open(url, signal);
  let loaded = 0;
  const take = (chunk: Uint8Array) => {
    if (loaded + chunk.length > target.length) throw badWeights(`${url}`);
    target.set(chunk, loaded);
    loaded += chunk.length;
    onBytes(loaded);
  };
  if (source instanceof Uint8Array) take(source);
  else if (source.body) {
    const reader = source.body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal.throwIfAborted();
        throw noFile(`${url}`, 'broke off', cause);
      });
      if (done) break;
      take(value);
    }
  }
  if (loaded < target.length) throw badWeights(`${url}`);
}
