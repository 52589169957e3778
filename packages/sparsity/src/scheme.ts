// What a pruning scheme is: which weights go together, and how many of them go.

import { badScheme, badSparsity } from './errors.ts';
import { type Mask, sizeOf, type WeightShape } from './weights.ts';

/** Sizes of a scheme's blocks; each scheme names those that it has. */
export interface Params {
  /** Filters of a block: they keep the same columns. */
  readonly filters: number;
  /** Input channels of a block. */
  readonly channels: number;
  /** Columns of a block: channels and positions, in the order of the tensor. */
  readonly columns: number;
  /** M of N:M. */
  readonly of: number;
}

/** A pruning scheme. A scheme only decides which weights stay; kernels see what is left. */
export interface Scheme {
  readonly name: string;
  /** One sentence for the table in docs. */
  readonly summary: string;
  /** Where it is from. */
  readonly paper: string;
  /** The sizes that it has. */
  readonly defaults: Partial<Params>;
  /** Why it is not for such weights; absent where it is. */
  refuses?(shape: WeightShape, params: Params): string | undefined;
  /**
   * The weights to keep.
   *
   * @param scores How much each weight matters: not negative, squared magnitudes for example.
   * @param sparsity The fraction of weights that go, in [0, 1).
   */
  project(scores: Float32Array, shape: WeightShape, sparsity: number, params: Params): Mask;
}

/** Checks a scheme as it is written down. */
export const defineScheme = (scheme: Scheme): Scheme => scheme;

const noBlocks: Params = { filters: 1, channels: 1, columns: 1, of: 1 };

/**
 * Projects scores on a scheme.
 *
 * @throws {EspalierError} BAD_SPARSITY, BAD_SCHEME
 */
export function project(
  scheme: Scheme,
  scores: Float32Array,
  shape: WeightShape,
  sparsity: number,
  given: Partial<Params> = {},
): Mask {
  if (!(sparsity >= 0 && sparsity < 1)) throw badSparsity(sparsity, 'is not a fraction below 1');
  if (scores.length !== sizeOf(shape))
    throw badScheme(scheme.name, `${scores.length} scores for ${sizeOf(shape)} weights`);
  const unknown = Object.keys(given).find((name) => !(name in scheme.defaults));
  if (unknown) throw badScheme(scheme.name, `it has no ${unknown}`);
  const params: Params = { ...noBlocks, ...scheme.defaults, ...given };
  for (const [name, value] of Object.entries(params))
    if (!Number.isInteger(value) || value < 1)
      throw badScheme(scheme.name, `${name} = ${value} is not a size`);
  const reason = scheme.refuses?.(shape, params);
  if (reason) throw badScheme(scheme.name, reason);
  return scheme.project(scores, shape, sparsity, params);
}

/** Weights in units that stay or go as a whole. */
export interface Units {
  readonly count: number;
  /** The unit of a weight. */
  of(filter: number, channel: number, position: number): number;
}

/** Visits every weight in the order of the tensor. */
export function eachWeight(
  { filters, channels, positions }: WeightShape,
  visit: (at: number, filter: number, channel: number, position: number) => void,
): void {
  let at = 0;
  for (let filter = 0; filter < filters; filter++)
    for (let channel = 0; channel < channels; channel++)
      for (let position = 0; position < positions; position++)
        visit(at++, filter, channel, position);
}

/** The sum of the scores of each unit. */
export function unitScores(
  scores: Float32Array,
  shape: WeightShape,
  { count, of }: Units,
): Float64Array {
  const totals = new Float64Array(count);
  eachWeight(shape, (at, ...place) => {
    totals[of(...place)]! += scores[at]!;
  });
  return totals;
}

/** The mask that keeps whole units. */
export function maskOf(shape: WeightShape, { of }: Units, kept: Uint8Array): Mask {
  const mask = new Uint8Array(sizeOf(shape));
  eachWeight(shape, (at, ...place) => {
    mask[at] = kept[of(...place)]!;
  });
  return mask;
}

/** The `count` units with the greatest totals, the first of equals: 1 for each that stays. */
export function keepLargest(totals: ArrayLike<number>, count: number): Uint8Array {
  const order = Array.from(totals, (_, unit) => unit).sort(
    (a, b) => totals[b]! - totals[a]! || a - b,
  );
  const kept = new Uint8Array(totals.length);
  for (const unit of order.slice(0, count)) kept[unit] = 1;
  return kept;
}

/** How many of `count` units a sparsity leaves. */
export const keptUnits = (count: number, sparsity: number): number =>
  count - Math.round(count * sparsity);

/** The scheme whose units compete over the whole layer. */
export function projectUnits(
  scores: Float32Array,
  shape: WeightShape,
  sparsity: number,
  units: Units,
  totals: ArrayLike<number> = unitScores(scores, shape, units),
): Mask {
  return maskOf(shape, units, keepLargest(totals, keptUnits(units.count, sparsity)));
}
