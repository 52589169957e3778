// Brings a program to life: memory, the module that this engine takes, and unpacked weights.

import { createArrival } from './arrival.ts';
import { badCode, badWeights, EspalierError, noMemory, noSimd } from './errors.ts';
import { open, receive } from './fetch.ts';
import { relaxedProbe, simdProbe } from './probes.ts';
import type { Program, Step } from './program.ts';

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

/** What a start is given. */
export interface StartOptions {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
  /**
   * Asked once, before weights are there: whether it has written the inputs of a first inference, which is then computed
   * while they arrive.
   */
  begin(memory: ArrayBuffer): boolean;
  /** How many threads the caller asks for, if he does. */
  readonly threads?: number | undefined;
}

/** Makes a program run. */
export type Start = (program: Program, files: Files, options: StartOptions) => Promise<Instance>;

const pageBytes = 65536;

/** Rounds of the warm-up of each function: microseconds, and enough for V8 on every processor. */
const warmUpRounds = 16384;

/** What fraction of a first inference is done when a fraction of the weights is there: its work is in the second half. */
const paceOf = (loaded: number): number => 2 * loaded - 1;

/**
 * Fetches, compiles, verifies and unpacks; with that, computes a first inference if one has begun.
 *
 * @param share Changes the module's bytes so that it takes shared memory, which it then gets.
 * @throws {EspalierError} NO_SIMD, NO_MEMORY, NO_FILE, BAD_CODE, BAD_WEIGHTS
 */
export async function instantiate(
  program: Program,
  files: Files,
  { signal, onProgress, begin }: StartOptions,
  share?: (module: Uint8Array<ArrayBuffer>) => void,
): Promise<Instance> {
  const { pages, weights, run } = program;
  // First, since it takes longest.
  const opened = open(files.weights, signal);
  // Whoever waits for it is told; until then other failures may come first.
  opened.catch(() => {});
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(simdProbe)) throw noSimd();
  const code = WebAssembly.validate(relaxedProbe) ? files.relaxed : files.plain;
  const compiling = compile(code, signal, share);
  compiling.catch(() => {});
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: !!share });
  } catch (cause) {
    throw noMemory(pages * pageBytes, cause);
  }
  const module = await compiling;
  const { exports } = await WebAssembly.instantiate(module, { e: { m: memory } });
  // The compiler exports nothing but functions of numbers, and the rounds of their warm-up.
  const { w, ...functions } = exports as Record<string, (...addresses: number[]) => void>;
  const rounds = w as unknown as WebAssembly.Global<'i32'>;
  for (const name in functions) {
    rounds.value = warmUpRounds;
    functions[name]!();
  }
  const step = ([fn, ...addresses]: Step) => functions[`f${fn}`]!(...addresses);
  const source = await opened;
  const began = begin(memory.buffer);
  const arrival = createArrival(weights, `${files.weights}`, memory, step);
  let done = 0;
  let loadedBytes = 0;
  await receive(files.weights, source, signal, (chunk) => {
    loadedBytes += chunk.length;
    onProgress({ loadedBytes, totalBytes: weights.bytes });
    arrival.take(chunk);
    if (began) {
      // A little behind each piece, so that the next ones keep coming, and only once functions have their best code.
      const most = Math.min(arrival.ready, paceOf(loadedBytes / weights.bytes) * run.length);
      while (done < most) step(run[done++]!);
    }
    return arrival.isComplete;
  });
  if (!arrival.isComplete) throw badWeights(`${files.weights}`);
  signal.throwIfAborted();
  while (began && done < run.length) step(run[done++]!);
  return { memory, module, step, infer: () => run.forEach(step), stop() {} };
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
