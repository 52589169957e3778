// Gets bytes from a URL: over the network, or from the disk where there is a Node to read it.

import { noFile } from './errors.ts';

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

/** Bytes that are asked for at once: what a read returns is put where it belongs before the next. */
const readBytes = 1 << 22;

/**
 * Hands over the bytes of a file as they arrive, until `take` has all that it wants. They are only good until the next
 * ones come.
 *
 * @throws {EspalierError} NO_FILE
 */
export async function receive(
  url: string | URL,
  source: Response | Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
  take: (chunk: Uint8Array<ArrayBuffer>) => boolean,
): Promise<void> {
  if (source instanceof Uint8Array) {
    take(source);
    return;
  }
  if (!source.body) return;
  const read = readerOf(source.body);
  for (;;) {
    const { done, value } = await read().catch((cause: unknown) => {
      signal.throwIfAborted();
      throw noFile(`${url}`, 'broke off', cause);
    });
    if (done) return;
    if (take(value)) {
      // Nobody waits for the end, but without anybody who asks for it the request counts as broken off.
      read().catch(() => {});
      return;
    }
  }
}

type Chunk = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;

/** Reads into one and the same piece of memory, where streams of bytes can. */
function readerOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): () => Promise<Chunk> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    // Not a stream of bytes, or an engine without them.
    const each = body.getReader();
    return () => each.read();
  }
  let memory = new ArrayBuffer(readBytes);
  return async () => {
    const { done, value } = await reader.read(new Uint8Array(memory));
    if (done || !value) return { done: true, value: undefined };
    memory = value.buffer;
    return { done, value };
  };
}
