// Finds the structure in weights that come with zeros, from whatever tool pruned them.

import { blockLists, type ListStatistics, listStatistics } from './groups.ts';
import { keptCount, type Mask, type WeightShape } from './weights.ts';

/** What is known of a mask. */
export interface Recognised {
  /** The fraction of weights that are zero. */
  readonly sparsity: number;
  /** The tallest block, 8, 4, 2 or 1, whose lists cover (nearly) nothing but kept weights. */
  readonly filters: number;
  /** Whether whole kernels are kept or gone. */
  readonly wholeKernels: boolean;
  /** Statistics of the lists of that block. */
  readonly lists: ListStatistics;
  /** Zeros among the weights that those lists cover. */
  readonly covered: number;
}

const heights = [8, 4, 2, 1] as const;

/** Zeros that a taller block may cover: they cost less than shorter blocks do. */
const tolerated = 0.1;

/** The mask of the weights that are not zero. */
export const maskOfZeros = (weights: Float32Array): Mask =>
  Uint8Array.from(weights, (weight) => (weight === 0 ? 0 : 1));

/** The best blocks that cover a mask. */
export function recognise(mask: Mask, shape: WeightShape): Recognised {
  const kept = keptCount(mask);
  const fits = heights
    .filter((filters) => filters <= Math.max(1, shape.filters))
    .map((filters) => {
      const kernels = kernelMask(mask, shape);
      const lists = blockLists(mask, shape.filters, filters);
      const size = lists.reduce(
        (sum, list, block) =>
          sum + list.length * Math.min(filters, shape.filters - block * filters),
        0,
      );
      return { filters, lists, size, kernels };
    });
  const best = fits.find(({ size }) => size * (1 - tolerated) <= kept) ?? fits[fits.length - 1]!;
  return {
    sparsity: mask.length === 0 ? 0 : 1 - kept / mask.length,
    filters: best.filters,
    wholeKernels: keptCount(best.kernels) * shape.positions === kept,
    lists: listStatistics(best.lists),
    covered: best.size - kept,
  };
}

/** Which kernels keep any weight. */
function kernelMask(mask: Mask, { filters, channels, positions }: WeightShape): Mask {
  return Uint8Array.from({ length: filters * channels }, (_, kernel) =>
    mask.subarray(kernel * positions, (kernel + 1) * positions).some(Boolean) ? 1 : 0,
  );
}
