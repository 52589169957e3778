// Times a program: the part of a calibration that runs on the device, in any engine.

/** A program as the device runs it, on random data. */
export interface TimedProgram {
  readonly run: readonly (readonly number[])[];
  /** The steps that are timed where each is on its own. */
  readonly timed: readonly number[];
  /** Places of the inputs, `[byte offset, elements]`. */
  readonly inputs: readonly (readonly [byteOffset: number, elements: number])[];
  readonly pages: number;
  /** Where the parts of the weights file are put: random as well, unless it comes along. */
  readonly weights: readonly {
    readonly byteOffset: number;
    readonly bytes: number;
    /** Calls that unpack the part. */
    readonly unpack: readonly (readonly number[])[];
  }[];
}

/** What is timed of it: each step on its own, over and over, or all of them in order. */
export type Manner = 'steps' | 'whole';

/** The clock and the patience of an engine. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** A batch of calls lasts at least so long: many ticks of the clock. */
  readonly batchMs: number;
  /** How long a program runs before it is timed; default 40 ms. */
  readonly warmMs?: number;
  /** Batches without a new minimum after which the minimum is believed; default 6. */
  readonly patience?: number;
}

const mostBatches = 40;
const mostCalls = 1e6;

/**
 * The shortest time of one call, in ns: the mean of a batch, and the least of many batches, since whatever
 * else runs on the device only ever adds.
 */
export function leastTime(call: () => void, { now, batchMs, patience = 6 }: Clock): number {
  let calls = 1;
  let least = Number.POSITIVE_INFINITY;
  let since = 0;
  for (let batch = 0; batch < mostBatches && since < patience; ) {
    const begin = now();
    for (let i = 0; i < calls; i++) call();
    const ms = now() - begin;
    if (ms < batchMs / 2 && calls < mostCalls) {
      // Too short for the clock.
      const wanted = (1.2 * batchMs) / Math.max(ms, batchMs / 100);
      calls = Math.min(mostCalls, Math.ceil(calls * wanted));
      continue;
    }
    batch++;
    const each = (1e6 * ms) / calls;
    // Engines compile hot functions while they run: at first it gets faster.
    since = each < 0.99 * least ? 0 : since + 1;
    least = Math.min(least, each);
  }
  return least;
}

/** The step between two readings of a clock, in ms: what a batch has to be many of. */
export function tickOf(now: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    const begin = now();
    let end = begin;
    while (end === begin) end = now();
    least = Math.min(least, end - begin);
  }
  return least;
}

/** Instantiates a program, and times it, in ns. */
export async function timeProgram(
  program: TimedProgram,
  module: WebAssembly.Module,
  manner: Manner,
  clock: Clock,
  file?: Uint8Array,
): Promise<number[]> {
  const memory = new WebAssembly.Memory({ initial: program.pages, maximum: program.pages });
  const { exports } = await WebAssembly.instantiate(module, { e: { m: memory } });
  // The compiler exports nothing but functions of numbers.
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const call = ([fn, ...addresses]: readonly number[]) => functions[`f${fn}`]!(...addresses);
  let read = 0;
  for (const { byteOffset, bytes, unpack } of program.weights) {
    if (file) {
      new Uint8Array(memory.buffer).set(file.subarray(read, read + bytes), byteOffset);
      unpack.forEach(call);
    } else fill(new Float32Array(memory.buffer, byteOffset, bytes >> 2), 0.05);
    read += bytes;
  }
  for (const [at, elements] of program.inputs)
    fill(new Float32Array(memory.buffer, at, elements), 1);
  const steps = program.run.map(([fn, ...addresses]) => {
    const step = functions[`f${fn}`]!;
    return () => step(...addresses);
  });
  const all = () => {
    for (const step of steps) step();
  };
  // Engines compile hot functions anew in the background, which takes a while.
  const { warmMs = 40 } = clock;
  const begin = clock.now();
  for (let round = 0; round < 3 || clock.now() - begin < warmMs; round++) all();
  return manner === 'whole'
    ? [leastTime(all, clock)]
    : program.timed.map((step) => leastTime(steps[step]!, clock));
}

/** Numbers in (0, scale), none of them subnormal. */
function fill(values: Float32Array, scale: number): void {
  let state = 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = scale * (0.01 + state / 2 ** 32.1);
  }
}
