// Mapping by rules, without a look at the weights: a layer's type and window say which schemes are for it, the
// device's latencies which block, and the budget how many weights go (structure of Gong et al., "Automatic Mapping of
// the Best-Suited DNN Pruning Schemes for Real-Time Mobile Acceleration", TODAES 2022; the figures are our own).

import type { SchemeName } from '@espalier/sparsity';
import type { Kind } from '../kinds.ts';
import type { Candidate, Strategy } from './strategy.ts';

/** How much slower than the fastest block a smaller one may be. */
const tolerance = 0.2;

/** What the rules say of layers of a type. */
interface Rule {
  of(kind: Kind): boolean;
  readonly schemes: readonly SchemeName[];
  /** The fraction of weights that go at a rate of 1. */
  readonly sparsity: number;
}

/** The first that is for a layer counts. */
const rules: readonly Rule[] = [
  // Blocks of a matrix: filters that keep the same columns, down to a block of one weight.
  { of: ({ op }) => op === 'linear', schemes: ['unstructured', 'blockColumns'], sparsity: 0.85 },
  // Whole kernels go where Winograd runs (connectivity), or positions of a block of filters (punched blocks).
  {
    of: ({ window: [r, s] }) => r * s > 1,
    schemes: ['unstructured', 'blockColumns', 'kernelBlock'],
    sparsity: 0.75,
  },
  { of: () => true, schemes: ['unstructured', 'blockColumns'], sparsity: 0.5 },
];

/** Weights that go together. */
const unitOf = ({ scheme, params }: Candidate, { window: [r, s] }: Kind): number =>
  (params.filters ?? 1) * (scheme === 'kernelBlock' ? r * s : 1);

/** What may become of a layer as its rate rises. */
interface Mapping {
  /** Index of the candidate at a rate. */
  at(rate: number): number;
  /** Rates at which another candidate may be the one. */
  readonly rates: readonly number[];
}

/** A layer whose place in the network forbids pruning, or for which nothing is faster. */
const asItIs: Mapping = { at: () => 0, rates: [] };

function mappingOf(candidates: readonly Candidate[], kind: Kind): Mapping {
  if (kind.first || kind.classifier) return asItIs;
  const rule = rules.find((each) => each.of(kind))!; // the last is for all
  const pruned = candidates.map((candidate, index) => ({ candidate, index }));
  const sparse = pruned.filter(({ candidate }) => candidate.scheme !== 'none');
  const own = sparse.filter(({ candidate: { scheme } }) =>
    rule.schemes.some((name) => name === scheme),
  );
  // Where a scheme is asked for by hand, there is no other.
  const structures = new Map<string, typeof sparse>();
  for (const one of own.length > 0 ? own : sparse) {
    const { scheme, params } = one.candidate;
    const key = JSON.stringify([scheme, params]);
    structures.set(key, [...(structures.get(key) ?? []), one]);
  }
  // Densities are powers of each other, so that layers of all types are pruned harder together.
  const density = 1 - rule.sparsity;
  const rateOf = ({ sparsity }: Candidate) => Math.log(1 - sparsity) / Math.log(density);
  return {
    rates: sparse.map(({ candidate }) => rateOf(candidate)),
    at(rate) {
      const reached = [...structures.values()].flatMap((steps) => {
        const last = steps
          .filter(({ candidate }) => rateOf(candidate) <= rate * (1 + 1e-9))
          .sort((a, b) => a.candidate.sparsity - b.candidate.sparsity)
          .at(-1);
        return last ? [last] : [];
      });
      const saturated = Math.min(...reached.map(({ candidate }) => candidate.ms));
      const [smallest] = reached
        .filter(({ candidate }) => candidate.ms <= (1 + tolerance) * saturated)
        .sort((a, b) => unitOf(a.candidate, kind) - unitOf(b.candidate, kind));
      // Candidates are faster than the layer as it is: others do not pay, and are not here.
      return smallest?.index ?? 0;
    },
  };
}

/**
 * The rules' plan at the lowest rate that keeps the budget, from which layers go a step back while time is left, the first
 * ones first; `undefined` where no rate does.
 */
export const rule: Strategy = (layers, budgetMs, kinds) => {
  const mappings = layers.map((candidates, i) => mappingOf(candidates, kinds[i]!));
  const rates = new Set([0, ...mappings.flatMap((mapping) => mapping.rates)]);
  let before: readonly number[] = layers.map(() => 0);
  for (const rate of [...rates].sort((a, b) => a - b)) {
    const picked = mappings.map((mapping) => mapping.at(rate));
    let ms = picked.reduce((sum, index, i) => sum + layers[i]![index]!.ms, 0);
    if (ms <= budgetMs)
      return picked.map((index, i) => {
        const more = layers[i]![before[i]!]!.ms - layers[i]![index]!.ms;
        if (ms + more > budgetMs) return index;
        ms += more;
        return before[i]!;
      });
    before = picked;
  }
  return undefined;
};
