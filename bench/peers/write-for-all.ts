// One network as files for every engine.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '@espalier/ir';
import type { ModelCase } from '../../test/support/trained-models.ts';
import { type EngineName, engineNames, engines } from './engines.ts';
import { type Network, writeNetwork } from './network.ts';
import { reasonOf } from './reason.ts';

/** Writes a case's network under `root`; `unwritten` says which engines cannot have it, and why. */
export async function writeForAll(
  from: ModelCase,
  root: string,
  change?: (graph: Graph) => Graph,
): Promise<{ network: Network; unwritten: Map<EngineName, string> }> {
  const network = writeNetwork(from, join(root, from.model), change);
  const unwritten = new Map<EngineName, string>();
  for (const name of engineNames) {
    const folder = join(root, from.model, name);
    mkdirSync(folder, { recursive: true });
    try {
      await engines[name].write(network, folder);
    } catch (error) {
      unwritten.set(name, reasonOf(error));
    }
  }
  return { network, unwritten };
}
