// N of every M weights along the inputs.

import { defineScheme, keepLargest, type Units } from '../scheme.ts';
import { type Mask, sizeOf, type WeightShape } from '../weights.ts';

/**
 * Keeps N of M columns in every group, N = M · (1 − sparsity) rounded. With `filters` above 1 blocks of
 * filters choose together, which is what kernels without relaxed swizzles need.
 */
export const nOfM = defineScheme({
  name: 'nOfM',
  summary: 'N of every M columns, in each filter or shared by a block of filters',
  paper: 'own',
  defaults: { of: 4, filters: 8 },

  refuses: (shape, { of }) =>
    of > shape.channels * shape.positions ? `groups of ${of} columns are too many` : undefined,

  project(scores, shape, sparsity, { of, filters }) {
    const columns = shape.channels * shape.positions;
    const units = blockUnits(shape, filters, columns);
    const totals = new Float64Array(units.count);
    for (let at = 0; at < scores.length; at++) totals[units.ofIndex(at)]! += scores[at]!;
    const kept = new Uint8Array(units.count);
    for (let row = 0; row < units.count; row += columns)
      for (let first = 0; first < columns; first += of) {
        const size = Math.min(of, columns - first);
        const group = totals.subarray(row + first, row + first + size);
        kept.set(keepLargest(group, Math.round(size * (1 - sparsity))), row + first);
      }
    const mask: Mask = new Uint8Array(sizeOf(shape));
    for (let at = 0; at < mask.length; at++) mask[at] = kept[units.ofIndex(at)]!;
    return mask;
  },
});

function blockUnits({ filters }: WeightShape, height: number, columns: number) {
  const count: Units['count'] = Math.ceil(filters / height) * columns;
  const ofIndex = (at: number): number =>
    Math.floor(Math.floor(at / columns) / height) * columns + (at % columns);
  return { count, ofIndex };
}
