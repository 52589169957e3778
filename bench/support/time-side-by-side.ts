// Times programs in this process, turn and turn about.

import type { Profile } from '@espalier/compiler';
import { type Graph, randomTensor } from '@espalier/ir';
import { createRun } from '@espalier/search';

/** Each round times every program once. */
const rounds = 40;

/** How long a program runs at a time, about. */
const turnMs = 8;

/** The least of each graph's mean times of a turn, in ms: what else the machine does only adds. */
export function timeSideBySide(graphs: readonly Graph[], profile: Profile): number[] {
  const contenders = graphs.map((graph) => {
    const run = createRun(graph, { profile });
    const inputs = Object.fromEntries(
      graph.inputs.map(({ name, type }, i) => [name, randomTensor(type, i + 1)]),
    );
    const time = (runs: number): number => {
      const start = performance.now();
      for (let i = 0; i < runs; i++) run(inputs);
      return (performance.now() - start) / runs;
    };
    time(3); // until the engine has optimised it
    return { time, runs: Math.max(1, Math.ceil(turnMs / time(3))), times: [] as number[] };
  });
  for (let round = 0; round < rounds; round++)
    for (const { time, runs, times } of contenders) times.push(time(runs));
  return contenders.map(({ times }) => Math.min(...times));
}
