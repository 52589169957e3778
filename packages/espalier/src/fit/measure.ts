// Times the dense and the fitted network on this machine, turn and turn about: predictions alone do not decide here.
// Where the machine was calibrated in Chromium as well: its engine is the same, and which is faster does not differ.

import type { Profile } from '@espalier/compiler';
import { type Graph, randomTensor } from '@espalier/ir';
import { createRun } from '@espalier/search';
import { type Clock, leastTime } from '../calibrate/time-program.ts';
import type { Measured } from './lock.ts';

const rounds = 3;

/** Times both networks in this process; the least of several rounds, in ms. */
export function measureBoth(dense: Graph, fitted: Graph, profile: Profile): Measured {
  const clock: Clock = { now: () => performance.now(), batchMs: 20 };
  const calls = [dense, fitted].map((graph) => {
    const run = createRun(graph, { profile });
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, type }, i) => [name, randomTensor(type, i + 1)]),
    );
    return () => void run(inputs);
  });
  const least = calls.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++)
    calls.forEach((call, i) => {
      least[i] = Math.min(least[i]!, leastTime(call, clock) / 1e6);
    });
  const [denseMs, ms] = least as [number, number];
  return { engine: `Node ${process.versions.node}`, denseMs, ms };
}
