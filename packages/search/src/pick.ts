// A plan within several limits, by a strategy that knows of time only: bytes and memory get a price.

import { type Costs, eachCost, type Limits } from './costs.ts';
import type { Kind } from './kinds.ts';
import type { Candidate, Strategy } from './strategies/strategy.ts';

/** One choice of a layer. */
export interface Option extends Candidate, Costs {}

/** Halvings of the price, or of the time. */
const rounds = 24;

/**
 * The plan of least harm that a strategy finds within limits; `undefined` where it finds none.
 *
 * @param kinds Of the layers.
 * @param limits Of the sum over the layers.
 */
export function pick(
  strategy: Strategy,
  layers: readonly (readonly Option[])[],
  kinds: readonly Kind[],
  limits: Limits,
): number[] | undefined {
  const most = layers.reduce((sum, options) => sum + Math.max(...options.map(({ ms }) => ms)), 0);
  // A little more than all of them: times are rounded up.
  const budgetMs = Math.min(limits.ms ?? Number.POSITIVE_INFINITY, 1.1 * most);
  const scale = layers.flat().reduce((largest, { harm }) => Math.max(largest, harm), 1e-9);
  const priced = (price: number, within = budgetMs) =>
    strategy(
      layers.map((options) =>
        options.map((option) => ({ ...option, harm: option.harm + price * shareOf(option) })),
      ),
      within,
      kinds,
    );
  /** How much of what is limited an option takes. */
  const shareOf = ({ bytes, memoryBytes }: Costs): number =>
    (limits.bytes === undefined ? 0 : bytes / Math.max(1, limits.bytes)) +
    (limits.memoryBytes === undefined ? 0 : memoryBytes / Math.max(1, limits.memoryBytes));
  const fits = (picked: readonly number[]): boolean => {
    const { bytes, memoryBytes } = sum(layers, picked);
    const { bytes: mostBytes = Number.POSITIVE_INFINITY } = limits;
    const { memoryBytes: mostMemory = Number.POSITIVE_INFINITY } = limits;
    return bytes <= mostBytes && memoryBytes <= mostMemory;
  };

  /** Who does not heed prices, or not enough: less time takes more weights away. */
  const hurried = (price: number): number[] | undefined => {
    let found: number[] | undefined;
    let [tight, loose] = [0, 1];
    for (let round = 0; round < rounds; round++) {
      const share = (tight + loose) / 2;
      const picked = priced(price, share * budgetMs);
      if (picked && fits(picked)) {
        found = picked;
        tight = share;
      } else if (picked) loose = share;
      else tight = share;
    }
    return found;
  };

  const free = priced(0);
  if (!free || fits(free)) return free;
  let best: number[] | undefined;
  let [low, high] = [0, 1e6 * scale];
  for (let round = 0; round < rounds; round++) {
    // Prices differ by orders of magnitude: the middle of their logarithms.
    const price = round === 0 ? high : Math.sqrt(Math.max(low, 1e-9 * scale) * high);
    const picked = priced(price);
    if (picked && fits(picked)) {
      best = picked;
      high = price;
    } else {
      if (round === 0) return hurried(high);
      low = price;
    }
  }
  return best;
}

/** What picked options cost together. */
export const sum = (layers: readonly (readonly Costs[])[], picked: readonly number[]): Costs =>
  eachCost((name) => layers.reduce((total, options, i) => total + options[picked[i]!]![name], 0));
