// What a helping thread runs: a script of its own, so it imports nothing and is shipped as it is.

import type { Order } from './pool.ts';

/** The end of the thread that leads to the model. */
interface Port {
  onmessage: ((event: { readonly data: Order }) => void) | null;
  postMessage(message: string): void;
}

interface NodeProcess {
  getBuiltinModule?(id: 'node:worker_threads'): { readonly parentPort: Port };
}

/**
 * How often it looks for a part before it sleeps, some tenths of a millisecond, as long as the last part of a
 * layer may take another thread: between two layers there is no time to be woken, between two inferences there is.
 */
const looks = 200_000;

const { process } = globalThis as { process?: NodeProcess };
// In a page the thread's own global object is that end.
const port =
  process?.getBuiltinModule?.('node:worker_threads').parentPort ?? (globalThis as unknown as Port);

port.onmessage = ({ data: { module, memory, control, places, steps, groups } }) => {
  const { exports } = new WebAssembly.Instance(module, { e: { m: memory } });
  // The compiler exports nothing but functions of numbers.
  const functions = exports as Record<string, (...addresses: number[]) => void>;
  const counted = (1 << places.countBits) - 1;
  port.postMessage('ready');
  for (let idle = 0; ; ) {
    const ticket = Atomics.load(control, places.ticket);
    const left = ticket & counted;
    if (left === 0) {
      if (++idle > looks) {
        Atomics.wait(control, places.ticket, ticket);
        idle = 0;
      }
      continue;
    }
    if (Atomics.compareExchange(control, places.ticket, ticket, ticket - 1) !== ticket) continue;
    idle = 0;
    // Nobody begins the next group before this part is done.
    const group = groups[Atomics.load(control, places.group)]!;
    try {
      for (let i = group[left - 1]!; i < group[left]!; i++) {
        const [fn, ...addresses] = steps[i]!;
        functions[`f${fn}`]!(...addresses);
      }
    } catch (error) {
      Atomics.store(control, places.failed, 1);
      throw error;
    } finally {
      Atomics.add(control, places.done, 1);
      Atomics.notify(control, places.done);
    }
  }
};
