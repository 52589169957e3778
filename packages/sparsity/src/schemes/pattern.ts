// Four of nine positions in every kernel, from a small library, and whole kernels besides.

import { badSparsity } from '../errors.ts';
import { defineScheme, keepLargest, type Scheme } from '../scheme.ts';
import { type Mask, sizeOf } from '../weights.ts';

/** Positions of a 3 × 3 kernel that a pattern keeps, row by row. */
export type Pattern = readonly number[];

/** The eight four-tap patterns of the sparse-training code of the method's authors [Gong et al. 2022; their code]. */
export const standardPatterns: readonly Pattern[] = [
  [4, 5, 7, 8],
  [3, 4, 6, 7],
  [1, 2, 4, 5],
  [0, 1, 3, 4],
  [5, 6, 7, 8],
  [3, 4, 5, 7],
  [1, 4, 5, 7],
  [1, 3, 4, 7],
];

/** The `count` four-tap patterns that are the best of most kernels: a library learnt from a layer. */
export function learnPatterns(scores: Float32Array, count = 8): Pattern[] {
  const votes = new Map<string, number>();
  for (let at = 0; at + 9 <= scores.length; at += 9) {
    const kept = keepLargest(scores.subarray(at, at + 9), 4);
    const key = [...kept].flatMap((keep, position) => (keep ? [position] : [])).join();
    votes.set(key, (votes.get(key) ?? 0) + 1);
  }
  return [...votes]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, count)
    .map(([key]) => key.split(',').map(Number));
}

const keptPositions = 4;

/**
 * Keeps four positions of each kernel, those of the library's pattern with the greatest total, and of
 * each filter equally many kernels.
 *
 * @throws {EspalierError} BAD_SPARSITY below 5/9, which patterns alone take away.
 */
export const patternWith = (library: readonly Pattern[]): Scheme =>
  defineScheme({
    name: 'pattern',
    summary: 'four positions of each 3×3 kernel from a library of eight, and whole kernels',
    paper: 'Gong et al., TODAES 2022 [2111.11581]',
    defaults: {},

    refuses: ({ positions }) =>
      positions === 9 ? undefined : `kernels of ${positions} positions: patterns are for 3×3`,

    project(scores, shape, sparsity) {
      const share = ((1 - sparsity) * shape.positions) / keptPositions;
      // Rounding of a share that was computed from a mask is no mistake.
      if (share > 1 + 1e-9)
        throw badSparsity(sparsity, 'is less than the 5/9 that patterns take away');
      const { filters, channels } = shape;
      const kept = Math.round(channels * share);
      const mask: Mask = new Uint8Array(sizeOf(shape));
      for (let filter = 0; filter < filters; filter++) {
        const best = Array.from({ length: channels }, (_, channel) => {
          const at = (filter * channels + channel) * 9;
          const totals = library.map((pattern) =>
            pattern.reduce((sum, position) => sum + scores[at + position]!, 0),
          );
          const total = Math.max(...totals);
          return { pattern: library[totals.indexOf(total)]!, total };
        });
        const stays = keepLargest(
          best.map(({ total }) => total),
          kept,
        );
        best.forEach(({ pattern }, channel) => {
          if (!stays[channel]) return;
          for (const position of pattern) mask[(filter * channels + channel) * 9 + position] = 1;
        });
      }
      return mask;
    },
  });

/** Patterns of the standard library. */
export const pattern = patternWith(standardPatterns);
