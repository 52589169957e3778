// One network in all engines of a place: rows of minima, medians and maxima.

import type { Row } from '../bars.ts';
import { type EngineName, engineNames, engines, type HostName } from './engines.ts';
import type { Host } from './host.ts';
import type { Network } from './network.ts';
import { reasonOf } from './reason.ts';

const rounds = 4;
const runsARound = 6;

/** Outputs of an engine that differ more from ours are those of another network. */
const tolerance = 1e-3;

interface Timing {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

function summary(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! };
}

/**
 * One network in every engine of a place, turn and turn about, after all are warm.
 *
 * @returns A row an engine, and the best peer's median as a multiple of ours, where there is a peer.
 */
export async function compare(
  network: Network,
  place: HostName,
  host: Host,
  unwritten: ReadonlyMap<EngineName, string>,
): Promise<{ rows: Row[]; ratio: number | undefined }> {
  const names = engineNames.filter((name) => engines[name].hosts.some((each) => each === place));
  const empty = new Map<EngineName, string>(unwritten);
  const contenders = new Map<EngineName, Awaited<ReturnType<Host['contender']>>>();
  for (const name of names) {
    if (empty.has(name)) continue;
    const contender = await host.contender(name);
    try {
      await contender.open(network.name);
      const error = await contender.error();
      if (!(error <= tolerance)) throw new Error(`its outputs differ by ${error.toExponential(1)}`);
      contenders.set(name, contender);
    } catch (error) {
      empty.set(name, reasonOf(error));
      await contender.close();
    }
  }
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++)
    for (const [name, contender] of contenders)
      times.get(name)!.push(...(await contender.time(runsARound)));
  const peak = (await contenders.get('Espalier')?.peak()) ?? Number.NaN;
  for (const contender of contenders.values()) await contender.close();

  const timings = new Map([...contenders.keys()].map((name) => [name, summary(times.get(name)!)]));
  const round = (value: number, digits: number) => Number(value.toFixed(digits));
  const ours = timings.get('Espalier');
  const rows = names.map((name): Row => {
    const timing = timings.get(name);
    const cell = { network: network.name, place, engine: name };
    if (!timing) return { ...cell, empty: empty.get(name) ?? '' };
    const gflops = network.flops / timing.median / 1e6;
    return {
      ...cell,
      minMs: round(timing.min, 2),
      medianMs: round(timing.median, 2),
      maxMs: round(timing.max, 2),
      gflops: round(gflops, 1),
      ofPeak: round(gflops / peak, 2),
      ratio: ours ? round(timing.median / ours.median, 2) : null,
      ratioOfMinima: ours ? round(timing.min / ours.min, 2) : null,
    };
  });
  timings.delete('Espalier');
  if (!ours || timings.size === 0) return { rows, ratio: undefined };
  return {
    rows,
    ratio: Math.min(...[...timings.values()].map(({ median }) => median)) / ours.median,
  };
}
