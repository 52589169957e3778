// What kernels and latency models see of a mask: rows that keep the same columns.

import type { Mask } from './weights.ts';

/** Output rows that keep the same columns. */
export interface SupportGroup {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/** The rows of a mask `[rows][columns]` by the columns they keep: one group if it is dense. */
export function supportGroups(mask: Mask, rows: number): SupportGroup[] {
  const columns = rows === 0 ? 0 : mask.length / rows;
  const groups = new Map<string, { rows: number[]; columns: number[] }>();
  for (let row = 0; row < rows; row++) {
    const kept: number[] = [];
    for (let column = 0; column < columns; column++)
      if (mask[row * columns + column]) kept.push(column);
    const key = kept.join();
    const group = groups.get(key);
    if (group) group.rows.push(row);
    else groups.set(key, { rows: [row], columns: kept });
  }
  return [...groups.values()];
}

/** The columns that blocks of `height` rows keep: any row of a block keeps them. */
export function blockLists(mask: Mask, rows: number, height: number): number[][] {
  const columns = rows === 0 ? 0 : mask.length / rows;
  return Array.from({ length: Math.ceil(rows / height) }, (_, block) => {
    const last = Math.min(rows, (block + 1) * height);
    const kept: number[] = [];
    for (let column = 0; column < columns; column++)
      for (let row = block * height; row < last; row++)
        if (mask[row * columns + column]) {
          kept.push(column);
          break;
        }
    return kept;
  });
}

/** Numbers that say how lists of kept columns run. */
export interface ListStatistics {
  readonly blocks: number;
  readonly taps: number;
  readonly meanTaps: number;
  readonly mostTaps: number;
  /** The longest list against the mean: 1 is even. */
  readonly unevenness: number;
}

/** Statistics of lists of kept columns. */
export function listStatistics(lists: readonly (readonly number[])[]): ListStatistics {
  const taps = lists.reduce((sum, { length }) => sum + length, 0);
  const mostTaps = lists.reduce((most, { length }) => Math.max(most, length), 0);
  const meanTaps = lists.length === 0 ? 0 : taps / lists.length;
  return {
    blocks: lists.length,
    taps,
    meanTaps,
    mostTaps,
    unevenness: meanTaps === 0 ? 1 : mostTaps / meanTaps,
  };
}
