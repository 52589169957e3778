// Shares the parts of layers with helping threads. The calling thread never needs them: what nobody has
// begun, it does, and if they keep it waiting it goes on alone.

import { badThread } from './errors.ts';
import type { Helper } from './helpers.ts';
import type { Instance } from './instance.ts';
import type { Program, Step } from './program.ts';

/** Words of the control block; each has a cache line of its own. */
const places = {
  /** A count of groups and, in its lowest bits, how many parts of this one nobody has taken. */
  ticket: 0,
  countBits: 6,
  /** Which group it is. */
  group: 16,
  /** How many parts helpers have done. */
  done: 32,
  /** Whether one of them could not. */
  failed: 48,
} as const;
const controlBytes = 4 * 64;

/** What a helper is given. */
export interface Order {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly places: typeof places;
  readonly steps: readonly Step[];
  readonly groups: readonly (readonly number[])[];
}

/**
 * Waits may cost this much more than helpers save, and this fraction of an inference; then the core that they
 * need is taken, and the rest is done alone.
 */
const patience = { ms: 0.3, fraction: 0.1 } as const;
/** How many inferences follow alone where help did not pay: twice as many each time that it happens again. */
const aloneRuns = { least: 2, most: 32 } as const;
/** Help that takes so many times as long as none does not pay. Timings of equals differ by less. */
const worse = 1.1;
/**
 * It watches for so long, as a part may take, then it sleeps where it may: a helper without a core can have this one. To
 * be woken takes long, and there are some fifty groups in an inference.
 */
const watchMs = 1;
/** A part that takes longer will never end. */
const lostMs = 10_000;

/** An instance over shared memory with helpers for its inferences. Resolves once they stand by. */
export async function withHelpers(
  instance: Instance,
  { run: steps, parallel }: Program,
  helpers: readonly Helper[],
): Promise<Instance> {
  const { memory, module, step } = instance;
  const groups = parallel?.groups ?? [];
  const control = new Int32Array(new SharedArrayBuffer(controlBytes));
  const order: Order = { module, memory, control, places, steps, groups };
  await Promise.all(helpers.map((helper) => helper.begin(order)));

  const counted = (1 << places.countBits) - 1;
  const maySleep = sleeps(control);
  let round = 0;
  /** The shortest of the last inferences alone; 0 while there was none. */
  let aloneMs = 0;
  let alone = 0;
  let penalty: number = aloneRuns.least;

  const runSteps = (from: number, to: number) => {
    for (let i = from; i < to; i++) step(steps[i]!);
  };

  /** Takes parts until none is left; how many it took. */
  function takeParts(group: readonly number[]): number {
    for (let taken = 0; ; ) {
      const ticket = Atomics.load(control, places.ticket);
      const left = ticket & counted;
      if (left === 0) return taken;
      if (Atomics.compareExchange(control, places.ticket, ticket, ticket - 1) !== ticket) continue;
      runSteps(group[left - 1]!, group[left]!);
      taken++;
    }
  }

  /** Waits until helpers have done so many parts; how long that took, in ms. */
  function waitFor(parts: number): number {
    const begin = performance.now();
    let now = begin;
    // A machine that was asleep is not a thread that hangs.
    for (let waited = 0; ; ) {
      const done = Atomics.load(control, places.done);
      if (Atomics.load(control, places.failed) || waited > lostMs) throw badThread('a layer');
      if (done >= parts) return performance.now() - begin;
      if (maySleep && waited > watchMs) Atomics.wait(control, places.done, done, 1);
      const next = performance.now();
      waited += Math.min(next - now, 10);
      now = next;
    }
  }

  /** Does a group with the helpers; how many milliseconds that saved. */
  function share(group: readonly number[], index: number): number {
    const parts = group.length - 1;
    Atomics.store(control, places.done, 0);
    Atomics.store(control, places.group, index);
    round = (round + 1) & 0xffffff;
    Atomics.store(control, places.ticket, (round << places.countBits) | parts);
    Atomics.notify(control, places.ticket);
    const begin = performance.now();
    const taken = takeParts(group);
    // What others did would have taken as long here.
    const saved = (performance.now() - begin) * (parts / Math.max(1, taken) - 1);
    return saved - waitFor(parts - taken);
  }

  /** All steps, every group with the helpers as long as that pays. */
  function runTogether(): void {
    const mostLossMs = patience.ms + patience.fraction * (aloneMs || Infinity);
    let at = 0;
    let gainMs = 0;
    groups.forEach((group, index) => {
      runSteps(at, group[0]!);
      at = group.at(-1)!;
      if (gainMs < -mostLossMs) runSteps(group[0]!, at);
      else gainMs += share(group, index);
    });
    runSteps(at, steps.length);
  }

  /** One inference, with help if that paid the last time that it was tried. */
  function infer(): void {
    const begin = performance.now();
    if (alone > 0) {
      instance.infer();
      const ms = performance.now() - begin;
      aloneMs = aloneMs ? Math.min(aloneMs, ms) : ms;
      alone--;
      return;
    }
    runTogether();
    // Nothing is known of being alone after the first, so that is tried next.
    if (performance.now() - begin < worse * aloneMs)
      penalty = Math.max(aloneRuns.least, penalty / 2);
    else {
      aloneMs = 0;
      alone = penalty;
      penalty = Math.min(2 * penalty, aloneRuns.most);
    }
  }

  let failure: unknown;
  return {
    ...instance,
    stop() {
      for (const helper of helpers) helper.end();
    },
    infer() {
      failure ??= helpers.find((helper) => helper.failure)?.failure;
      // Nobody knows what a helper that failed has left undone, nor what others still do.
      if (failure) throw failure;
      try {
        infer();
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  };
}

/** Whether this thread may sleep: that of a page may not. */
function sleeps(control: Int32Array): boolean {
  try {
    Atomics.wait(control, 0, 1);
    return true;
  } catch {
    return false;
  }
}
