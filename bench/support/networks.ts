// The skeletons of the shared data as graphs.

import { readFileSync } from 'node:fs';
import { importOnnx } from '@espalier/importers';
import type { Graph } from '@espalier/ir';
import { skeletonCases } from '../../test/support/trained-models.ts';

/** A network by its name. */
export interface Network {
  readonly name: string;
  readonly graph: Graph;
}

/** Every skeleton, once. */
export function* skeletons(): Generator<Network> {
  const seen = new Set<string>();
  for (const { model, file, fill } of skeletonCases()) {
    if (seen.has(model)) continue;
    seen.add(model);
    const graph = importOnnx(readFileSync(file), { file, fill: (name: string) => fill?.(name) });
    yield { name: model, graph };
  }
}

/** The value in the middle of a list; of an even number, the upper. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
