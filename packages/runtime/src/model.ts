// What the generated module exports: a model with named, typed inputs and outputs.

import { disposed } from './errors.ts';
import { type Files, type Instance, instantiate, type Progress, type Start } from './instance.ts';
import { checkInputs, feed, fetchOutputs } from './ports.ts';
import type { PortDType, Program } from './program.ts';
import { shareLoad } from './share-load.ts';

/** What is known of an input or output at build time. */
export interface TensorInfo<
  D extends PortDType = PortDType,
  S extends readonly number[] = readonly number[],
> {
  readonly dtype: D;
  readonly shape: S;
}

/** The names and types of a model's inputs and outputs; generated types fill it in. */
export interface Signature {
  readonly inputs: { readonly [name: string]: TensorInfo };
  readonly outputs: { readonly [name: string]: TensorInfo };
}

/** The array that holds the elements of a type. `bool` is bytes, 0 or 1. */
export interface ElementArrays {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly bool: Uint8Array;
}

/** A result: its elements, row-major, in an array of its own. */
export interface Output<T extends TensorInfo = TensorInfo> {
  readonly data: ElementArrays[T['dtype']];
  readonly shape: T['shape'];
}

/** The elements of every input, row-major. */
export type Inputs<S extends Signature = Signature> = {
  readonly [K in keyof S['inputs']]: ElementArrays[S['inputs'][K]['dtype']];
};

/** Every result of a run. */
export type Outputs<S extends Signature = Signature> = {
  readonly [K in keyof S['outputs']]: Output<S['outputs'][K]>;
};

/** How a load may be watched and stopped. */
export interface LoadOptions {
  /** Called as the weights arrive. */
  readonly onProgress?: (progress: Progress) => void;
  /** Rejects this call with the signal's reason; the transfer stops when nobody waits for it. */
  readonly signal?: AbortSignal;
  /** Uses fewer threads than the model was compiled for; only the first load counts. */
  readonly threads?: number;
}

/** A compiled network. */
export interface Model<S extends Signature = Signature> {
  readonly inputs: S['inputs'];
  readonly outputs: S['outputs'];
  /**
   * Fetches and compiles what `run` needs. Calls share one load; once loaded, it does nothing.
   *
   * @throws {EspalierError} NO_SIMD, NO_MEMORY, NO_FILE, BAD_CODE, BAD_WEIGHTS, DISPOSED
   */
  load(options?: LoadOptions): Promise<void>;
  /**
   * Computes the outputs, on the calling thread; loads first if that was not done, and then computes layers while
   * the weights of the next ones arrive. Loaded, it reads its inputs before it returns, so that their arrays may be
   * written again at once.
   *
   * @throws {EspalierError} BAD_INPUT, and what `load` throws
   */
  run(inputs: Inputs<S>): Promise<Outputs<S>>;
  /** Frees the memory; later calls are rejected with DISPOSED. */
  dispose(): void;
}

/** A program and the files beside it. */
export interface ModelSource extends Files {
  readonly program: Program;
}

/** Makes a model; nothing is fetched, and no browser API touched, until `load` or `run`. */
export function createModel<S extends Signature = Signature>(
  source: ModelSource,
  start: Start = instantiateAlone,
): Model<S> {
  const { program } = source;
  const describe = (ports: Program['inputs']) =>
    Object.fromEntries(ports.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
  let instance: Instance | undefined;
  let gone = false;
  let threads: number | undefined;
  /** Inputs of a run that waits for the load, to be computed along with it; then with their outputs. */
  let first: { readonly inputs: Inputs; outputs?: Outputs } | undefined;
  const load = shareLoad(async (signal, onProgress) => {
    let early: typeof first;
    const begin = (memory: ArrayBuffer): boolean => {
      early = first;
      if (early) feed(program.inputs, early.inputs, memory);
      return !!early;
    };
    try {
      const loaded = await start(program, source, { signal, onProgress, begin, threads });
      if (early) early.outputs = fetchOutputs(program.outputs, loaded.memory.buffer);
      if (gone) loaded.stop();
      else instance = loaded;
    } finally {
      first = undefined;
    }
  });

  const model = {
    inputs: describe(program.inputs),
    outputs: describe(program.outputs),
    async load(options: LoadOptions = {}) {
      threads ??= options.threads;
      if (!gone && !instance) await load(options);
      if (gone) throw disposed();
    },
    async run(inputs: Inputs) {
      if (gone) throw disposed();
      checkInputs(program.inputs, inputs);
      if (!instance) {
        const own: typeof first = { inputs };
        first ??= own;
        await model.load();
        if (own.outputs) return own.outputs;
      }
      const { memory, infer } = instance ?? raise();
      feed(program.inputs, inputs, memory.buffer);
      infer();
      return fetchOutputs(program.outputs, memory.buffer);
    },
    dispose() {
      gone = true;
      instance?.stop();
      instance = undefined;
    },
  };
  // The program says at run time what the signature says to the type checker.
  return model as unknown as Model<S>;
}

const instantiateAlone: Start = (program, files, options) => instantiate(program, files, options);

function raise(): never {
  throw disposed();
}
