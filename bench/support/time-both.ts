// Times the dense and the fitted network, turn and turn about.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type Profile } from '@espalier/compiler';
import type { Graph } from '@espalier/ir';
import type { ModelCase } from '../../test/support/trained-models.ts';
import { engines, type HostName } from '../peers/engines.ts';
import { startHost } from '../peers/host.ts';
import { writeNetwork } from '../peers/network.ts';
import { median } from './networks.ts';

const rounds = 9;

/** How long a round is, about. */
const roundMs = 60;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Times two graphs turn and turn about; medians in ms. */
export async function timeBoth(
  host: HostName,
  from: ModelCase,
  graphs: Readonly<Record<'dense' | 'fitted', Graph>>,
  profile: Profile,
): Promise<{ readonly dense: number; readonly fitted: number }> {
  const root = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const names = ['dense', 'fitted'] as const;
  try {
    for (const name of names) {
      const network = writeNetwork(from, join(root, name));
      const folder = join(root, name, 'Espalier');
      mkdirSync(folder, { recursive: true });
      const compiled = compile(graphs[name], { profile });
      await engines.Espalier.write({ ...network, graph: graphs[name], compiled }, folder);
    }
    const place = await startHost(host, root);
    const contenders = [];
    for (const name of names) {
      const contender = await place.contender('Espalier');
      await contender.open(name);
      contenders.push({ name, contender, times: [] as number[] });
    }
    // Clocks of pages tick every 0.1 ms: rounds are long, and their means count.
    const runs = Math.ceil(roundMs / Math.max(0.05, mean(await contenders[0]!.contender.time(5))));
    for (let round = 0; round < rounds; round++)
      for (const { contender, times } of contenders) times.push(mean(await contender.time(runs)));
    for (const { contender } of contenders) await contender.close();
    await place.close();
    const [dense, fitted] = contenders.map(({ times }) => median(times)) as [number, number];
    return { dense, fitted };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
