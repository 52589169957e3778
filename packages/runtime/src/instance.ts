// Brings a program to life: memory, the module that this engine takes, and unpacked weights.

import { badCode, badWeights, EspalierError, noMemory, noSimd } from './errors.ts';
import { open, receive } from './fetch.ts';
import { relaxedProbe, simdProbe } from './probes.ts';
import type { Program, Step } from './program.ts';
import { sha256 } from './sha256.ts';

/** Where the files of a program are. */
export interface Files {
  /** The module for every engine with SIMD. */
  readonly plain: string | URL;
  /** The module for engines with relaxed SIMD. */
  readonly relaxed: string | URL;
  readonly weights: string | URL;
  /** The script of helping threads, where the model was compiled for several. */
  readonly thread?: string | URL;
}

/** How far the transfer of the weights is. */
export interface Progress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** A program that can run. */
export interface Instance {
  readonly memory: WebAssembly.Memory;
  readonly module: WebAssembly.Module;
  step(step: Step): void;
  /** The steps of one inference. */
  infer(): void;
  /** Ends what runs beside it. */
  stop(): void;
}

/** Makes a program run; `threads` is how many the caller asks for, if he does. */
export type Start = (
  program: Program,
  files: Files,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
  threads?: number,
) => Promise<Instance>;

const pageBytes = 65536;

/**
 * Fetches, compiles, verifies and unpacks.
 *
 * @param share Changes the module's bytes so that it takes shared memory, which it then gets.
 * @throws {EspalierError} NO_SIMD, NO_MEMORY, NO_FILE, BAD_CODE, BAD_WEIGHTS
 */
export async function instantiate(
  program: Program,
  files: Files,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
  share?: (module: Uint8Array<ArrayBuffer>) => void,
): Promise<Instance> {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(simdProbe)) throw noSimd();
  const { pages } = program;
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: !!share });
  } catch (cause) {
    throw noMemory(pages * pageBytes, cause);
  }
  const { byteOffset, bytes, sha256: digest } = program.weights;
  const target = new Uint8Array(memory.buffer, byteOffset, bytes);
  const [module] = await Promise.all([
    compile(WebAssembly.validate(relaxedProbe) ? files.relaxed : files.plain, signal, share),
    receive(files.weights, target, signal, (loadedBytes) =>
      onProgress({ loadedBytes, totalBytes: bytes }),
    ),
  ]);
  // Shared bytes are not taken where digests are made.
  if ((await sha256(share ? target.slice() : target)) !== digest)
    throw badWeights(`${files.weights}`);
  const { exports } = await WebAssembly.instantiate(module, { e: { m: memory } });
  signal.throwIfAborted();
  // The compiler exports nothing but functions of numbers.
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const instance: Instance = {
    memory,
    module,
    infer: () => program.run.forEach(instance.step),
    stop() {},
    step: ([fn, ...addresses]) => functions[`f${fn}`]!(...addresses),
  };
  program.load.forEach(instance.step);
  return instance;
}

/** Compiles while the bytes arrive, where the server names their type and the engine can. */
async function compile(
  url: string | URL,
  signal: AbortSignal,
  share?: (module: Uint8Array<ArrayBuffer>) => void,
): Promise<WebAssembly.Module> {
  const source = await open(url, signal);
  try {
    if (share || source instanceof Uint8Array) {
      const bytes =
        source instanceof Uint8Array ? source : new Uint8Array(await source.arrayBuffer());
      share?.(bytes);
      return await WebAssembly.compile(bytes);
    }
    const type = source.headers.get('content-type') ?? '';
    return 'compileStreaming' in WebAssembly && type.startsWith('application/wasm')
      ? await WebAssembly.compileStreaming(source)
      : await WebAssembly.compile(await source.arrayBuffer());
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof EspalierError ? cause : badCode(`${url}`, cause);
  }
}
