// Random inputs of a network.

import { type Graph, randomTensor, type Tensor } from '@espalier/ir';

/** So many inputs, each with a seed of its own from `seed` on. */
export const randomInputs = (graph: Graph, count: number, seed = 100): Record<string, Tensor>[] =>
  Array.from({ length: count }, (_, i) =>
    Object.fromEntries(graph.inputs.map(({ name, type }) => [name, randomTensor(type, seed + i)])),
  );
