// Which units of a layer go, one after the other, the others making up for each before the next is
// chosen: of two inputs that say the same, one stays [Frantar & Alistarh, "Optimal Brain Compression",
// 2022, §4, with units of several columns and several outputs].

import type { Mask, WeightShape } from '@espalier/sparsity';
import { cholesky, solveInPlace } from './linear-algebra.ts';
import type { Block } from './moments.ts';

/** How columns and outputs go together. */
export interface Grouping {
  /** Outputs of a block. */
  readonly filters: number;
  /** Columns of a unit: neighbours in the order of the tensor. */
  readonly columns: number;
}

/** Beyond this many multiply-adds an order takes too long. */
const mostWork = 1.5e9;

/** Whether an elimination is short enough. */
export function canEliminate(
  { filters }: WeightShape,
  blocks: readonly Block[],
  group: Grouping,
): boolean {
  const work = blocks.reduce((sum, { columns }) => sum + columns ** 3 / 3, 0);
  return (
    Math.ceil(filters / group.filters) * work <= mostWork &&
    blocks.every(({ columns }) => columns % group.columns === 0)
  );
}

/** The units of one block of outputs and columns in the order in which they go, and what each costs. */
interface Trace {
  readonly firstOutput: number;
  readonly outputs: number;
  readonly firstColumn: number;
  readonly units: readonly number[];
  readonly costs: readonly number[];
}

/** One unit that goes: of which trace, and what it costs. */
interface Removal {
  readonly trace: number;
  readonly cost: number;
}

/** All traces, and all their removals, the cheapest first. */
interface Eliminated {
  readonly traces: readonly Trace[];
  readonly order: readonly Removal[];
}

/** Weights that are kept. */
export interface Kept {
  readonly mask: Mask;
  /** What the others' absence adds to the mean squared error, all outputs together. */
  readonly error: number;
}

/** Eliminates every unit of every block: masks of any sparsity come from one elimination. */
export function eliminate(
  weights: Float32Array,
  shape: WeightShape,
  blocks: readonly Block[],
  group: Grouping,
): (sparsity: number) => Kept {
  const columns = shape.channels * shape.positions;
  const traces = tracesOf(weights, shape, blocks, group);
  // Costs ascend within a trace: the cheapest of all are the first ones of each.
  const order = traces
    .flatMap(({ costs }, trace) => costs.map((cost): Removal => ({ trace, cost })))
    .sort((a, b) => a.cost - b.cost);
  const eliminated: Eliminated = { traces, order };
  return (sparsity) => keep(eliminated, sparsity, shape.filters, columns, group.columns);
}

/**
 * What each input channel of a layer costs as it goes, those that cost least first, all outputs together: one a channel, in
 * mean squared error. Any set of the cheapest costs about the sum of its own.
 */
export function channelCosts(
  weights: Float32Array,
  shape: WeightShape,
  blocks: readonly Block[],
): Float64Array {
  const { filters, channels, positions } = shape;
  const costs = new Float64Array(channels);
  const whole: Grouping = { filters, columns: positions };
  for (const { firstColumn, units, costs: own } of tracesOf(weights, shape, blocks, whole))
    for (const [i, unit] of units.entries()) costs[firstColumn / positions + unit] = own[i]!;
  return costs;
}

/** Eliminates the units of every block. */
function tracesOf(
  weights: Float32Array,
  shape: WeightShape,
  blocks: readonly Block[],
  group: Grouping,
): Trace[] {
  const columns = shape.channels * shape.positions;
  const traces: Trace[] = [];
  for (const block of blocks)
    for (let firstOutput = 0; firstOutput < shape.filters; firstOutput += group.filters) {
      const outputs = Math.min(group.filters, shape.filters - firstOutput);
      const own = new Float64Array(outputs * block.columns);
      for (let o = 0; o < outputs; o++) {
        const from = (firstOutput + o) * columns + block.first;
        own.set(weights.subarray(from, from + block.columns), o * block.columns);
      }
      const order = orderOf(own, block.inverse().slice(), block.columns, group.columns);
      traces.push({ firstOutput, outputs, firstColumn: block.first, ...order });
    }
  return traces;
}

/** What is left of a block: units fill the first `size` columns, in any order. */
interface Remains {
  /** `[outputs][stride]`. */
  readonly w: Float64Array;
  /** Inverse of the moments of what is left, `[stride][stride]`, the lower half. */
  readonly h: Float64Array;
  readonly outputs: number;
  readonly stride: number;
  readonly width: number;
  size: number;
}

function orderOf(
  w: Float64Array,
  h: Float64Array,
  stride: number,
  width: number,
): Pick<Trace, 'units' | 'costs'> {
  const left: Remains = { w, h, outputs: w.length / stride, stride, width, size: stride };
  const slots = Array.from({ length: stride / width }, (_, unit) => unit);
  const units: number[] = [];
  const costs: number[] = [];
  while (slots.length > 0) {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let slot = 0; slot < slots.length; slot++) {
      const cost = costOf(left, slot * width);
      if (cost < least) [best, least] = [slot, cost];
    }
    units.push(slots[best]!);
    // Rounding may make a later unit look cheaper than one before.
    costs.push(Math.max(least, costs.at(-1) ?? 0));
    for (let j = best * width; j < (best + 1) * width; j++) removeColumn(left, j);
    moveLast(left, best * width);
    const last = slots.pop()!;
    if (best < slots.length) slots[best] = last;
  }
  return { units, costs };
}

/** Σ wᵀ [(H⁻¹)ᵤᵤ]⁻¹ w over the outputs. */
function costOf({ w, h, outputs, stride, width }: Remains, first: number): number {
  let cost = 0;
  if (width === 1) {
    for (let o = 0; o < outputs; o++) cost += w[o * stride + first]! ** 2;
    return cost / Math.max(h[first * stride + first]!, 1e-300);
  }
  const block = new Float64Array(width * width);
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) block[i * width + j] = h[(first + i) * stride + first + j]!;
  const factor = cholesky(block, width);
  const solved = new Float64Array(width);
  for (let o = 0; o < outputs; o++) {
    const from = o * stride + first;
    for (let i = 0; i < width; i++) solved[i] = w[from + i]!;
    solveInPlace(factor, width, solved);
    for (let i = 0; i < width; i++) cost += w[from + i]! * solved[i]!;
  }
  return Math.max(0, cost);
}

/** Takes a column out of the outputs, which make up for it, and out of the inverse. */
function removeColumn({ w, h, outputs, stride, size }: Remains, j: number): void {
  const pivot = h[j * stride + j]!;
  if (!(pivot > 0)) return;
  const line = new Float64Array(size);
  for (let k = 0; k <= j; k++) line[k] = h[j * stride + k]!;
  for (let k = j + 1; k < size; k++) line[k] = h[k * stride + j]!;
  for (let o = 0; o < outputs; o++) {
    const row = o * stride;
    const factor = w[row + j]! / pivot;
    if (factor !== 0) for (let k = 0; k < size; k++) w[row + k]! -= factor * line[k]!;
    w[row + j] = 0;
  }
  for (let i = 0; i < size; i++) {
    const factor = line[i]! / pivot;
    if (factor === 0) continue;
    const row = i * stride;
    for (let k = 0; k <= i; k++) h[row + k]! -= factor * line[k]!;
  }
}

/** Moves the last unit to where one has gone, so that what is left stays together. */
function moveLast(left: Remains, to: number): void {
  const { w, h, outputs, stride, width } = left;
  const last = left.size - width;
  left.size = last;
  if (to === last) return;
  for (let i = 0; i < width; i++) {
    for (let o = 0; o < outputs; o++) w[o * stride + to + i] = w[o * stride + last + i]!;
    const from = (last + i) * stride;
    for (let k = 0; k < to; k++) h[(to + i) * stride + k] = h[from + k]!;
    for (let j = 0; j <= i; j++) h[(to + i) * stride + to + j] = h[from + last + j]!;
    for (let k = to + width; k < last; k++) h[k * stride + to + i] = h[from + k]!;
  }
}

/** The mask after the cheapest removals of all blocks, each block in its own order. */
function keep(
  { traces, order }: Eliminated,
  sparsity: number,
  filters: number,
  columns: number,
  width: number,
): Kept {
  const gone = traces.map(() => 0);
  let error = 0;
  for (const { trace, cost } of order.slice(0, Math.round(order.length * sparsity))) {
    gone[trace]!++;
    error += cost;
  }
  const mask: Mask = new Uint8Array(filters * columns).fill(1);
  for (const [block, { firstOutput, outputs, firstColumn, units }] of traces.entries())
    for (const unit of units.slice(0, gone[block])) {
      const first = firstColumn + unit * width;
      for (let o = firstOutput; o < firstOutput + outputs; o++)
        mask.fill(0, o * columns + first, o * columns + first + width);
    }
  return { mask, error };
}
