// Which units of a layer go, one after the other, the others making up for each before the next is
// chosen: of two inputs that say the same, one stays [Frantar & Alistarh, "Optimal Brain Compression",
// 2022, §4, with units of several columns and several outputs].

import type { Mask, WeightShape } from '@espalier/sparsity';
import { cholesky, inverse, solveInPlace } from './linear-algebra.ts';
import type { Moments } from './refit.ts';

/** How columns and outputs go together. */
export interface Grouping {
  /** Outputs of a block. */
  readonly filters: number;
  /** Columns of a unit: neighbours in the order of the tensor. */
  readonly columns: number;
}

/** Damping of the moments, as a part of their mean: the same as in the refit. */
const damping = 0.01;

/** Beyond this many multiply-adds an order takes too long. */
const mostWork = 4e9;

/** Whether an elimination is short enough. */
export function canEliminate(
  { filters, channels, positions }: WeightShape,
  group: Grouping,
): boolean {
  const columns = channels * positions;
  const blocks = Math.ceil(filters / group.filters);
  return blocks * columns ** 3 <= mostWork && columns % group.columns === 0;
}

/** The units of one block in the order in which they go, and what each costs. */
interface Trace {
  readonly units: readonly number[];
  readonly costs: readonly number[];
}

/** Masks of any sparsity, from one elimination. */
export interface Elimination {
  mask(sparsity: number): Mask;
}

/** Eliminates every unit of every block. */
export function eliminate(
  weights: Float32Array,
  shape: WeightShape,
  { size, gram }: Moments,
  group: Grouping,
): Elimination {
  const columns = size - 1;
  let mean = 0;
  for (let k = 0; k < columns; k++) mean += gram[k * size + k]! / columns;
  const hessian = new Float64Array(columns * columns);
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < columns; j++) hessian[i * columns + j] = gram[i * size + j]!;
  for (let i = 0; i < columns; i++) hessian[i * columns + i]! += damping * mean || 1;
  const start = inverse(cholesky(hessian, columns), columns);
  const blocks = Math.ceil(shape.filters / group.filters);
  const traces = Array.from({ length: blocks }, (_, block) => {
    const first = block * group.filters * columns;
    const rows = Math.min(group.filters, shape.filters - block * group.filters);
    return traceOf(
      Float64Array.from(weights.subarray(first, first + rows * columns)),
      start.slice(),
      columns,
      group.columns,
    );
  });
  return { mask: (sparsity) => maskOf(traces, sparsity, shape, group, columns) };
}

function traceOf(w: Float64Array, h: Float64Array, columns: number, width: number): Trace {
  const rows = w.length / columns;
  const left = new Set(Array(columns / width).keys());
  const units: number[] = [];
  const costs: number[] = [];
  while (left.size > 0) {
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (const unit of left) {
      const cost = costOf(w, h, columns, width, unit, rows);
      if (cost < least) [best, least] = [unit, cost];
    }
    left.delete(best);
    units.push(best);
    // Rounding may make a later unit look cheaper than one before.
    costs.push(Math.max(least, costs.at(-1) ?? 0));
    for (let j = best * width; j < (best + 1) * width; j++) removeColumn(w, h, columns, rows, j);
  }
  return { units, costs };
}

/** Σ wᵀ [(H⁻¹)ᵤᵤ]⁻¹ w over the rows. */
function costOf(
  w: Float64Array,
  h: Float64Array,
  columns: number,
  width: number,
  unit: number,
  rows: number,
): number {
  const first = unit * width;
  const block = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let j = 0; j < width; j++) block[i * width + j] = h[(first + i) * columns + first + j]!;
  const factor =
    width === 1 ? Float64Array.of(Math.sqrt(Math.max(block[0]!, 1e-300))) : cholesky(block, width);
  let cost = 0;
  for (let row = 0; row < rows; row++) {
    const kernel = w.subarray(row * columns + first, row * columns + first + width);
    const solved = Float64Array.from(kernel);
    solveInPlace(factor, width, solved);
    for (let i = 0; i < width; i++) cost += kernel[i]! * solved[i]!;
  }
  return Math.max(0, cost);
}

/** Takes a column out of the rows, which make up for it, and out of the inverse. */
function removeColumn(
  w: Float64Array,
  h: Float64Array,
  columns: number,
  rows: number,
  j: number,
): void {
  const pivot = h[j * columns + j]!;
  if (!(pivot > 0)) return;
  const line = h.slice(j * columns, (j + 1) * columns);
  for (let row = 0; row < rows; row++) {
    const factor = w[row * columns + j]! / pivot;
    if (factor !== 0) for (let k = 0; k < columns; k++) w[row * columns + k]! -= factor * line[k]!;
    w[row * columns + j] = 0;
  }
  for (let i = 0; i < columns; i++) {
    const factor = line[i]! / pivot;
    if (factor === 0) continue;
    const at = i * columns;
    for (let k = 0; k < columns; k++) h[at + k]! -= factor * line[k]!;
  }
}

/** The mask after the cheapest removals of all blocks, each block in its own order. */
function maskOf(
  traces: readonly Trace[],
  sparsity: number,
  shape: WeightShape,
  group: Grouping,
  columns: number,
): Mask {
  const total = traces.reduce((sum, { units }) => sum + units.length, 0);
  const gone = traces.map(() => 0);
  for (let count = Math.round(total * sparsity); count > 0; count--) {
    let best = -1;
    traces.forEach(({ costs }, block) => {
      if (
        gone[block]! < costs.length &&
        (best < 0 || costs[gone[block]!]! < traces[best]!.costs[gone[best]!]!)
      )
        best = block;
    });
    gone[best]!++;
  }
  const mask: Mask = new Uint8Array(shape.filters * columns).fill(1);
  traces.forEach(({ units }, block) => {
    const last = Math.min(shape.filters, (block + 1) * group.filters);
    for (const unit of units.slice(0, gone[block]))
      for (let o = block * group.filters; o < last; o++)
        mask.fill(0, o * columns + unit * group.columns, o * columns + (unit + 1) * group.columns);
  });
  return mask;
}
