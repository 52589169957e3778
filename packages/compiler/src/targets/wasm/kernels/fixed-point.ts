// 16-bit fixed point: inputs and weights as integers whose products are summed exactly in 32 bits.
//
// One instruction multiplies pairs of inputs, so that a product takes half of the instructions that floats take. What
// 1 of an input stands for follows from the largest of the values at hand, so that nothing has to be calibrated, and
// some 12 bits of each factor are left, so that nothing has to be rounded with care: that is what sets it apart from codes
// of 8 bits.

import { type AttrsOf, assert, type ConstantNode, elementCount, type OpNode } from '@espalier/ir';
import { isInFixedPoint } from '../../../fixed-point.ts';
import type { Address } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import { blocksOf } from './conv-tiles.ts';
import { isConstant } from './pack.ts';
import { type ColumnShape, keptColumns, type Lists, tapsOf } from './sparse-blocks.ts';
import { blockLanes } from './tile.ts';

/** Inputs of one tap. */
export const pair = 2;

/** Below so many inputs or outputs of a group conversion costs what it saves. */
const fewestChannels = 8;

/** The wider a sum, the fewer bits are left for its factors. */
const mostTaps = 8192;

/** The largest magnitude of 16 bits that has a negative of its own. */
export const mostLevels = 32767;

/** What 32-bit sums hold. */
const mostSum = 2 ** 31 - 1;

/** Whether a layer may be computed so, and is worth it. */
export function takesFixedPoint(node: OpNode): boolean {
  const { groups = 1 } = node.attrs as Partial<AttrsOf<'conv'>>; // of both ops
  if (!isInFixedPoint(node) || !isConstant(node, 1) || !isConstant(node, 2)) return false;
  const { shape } = node.inputs[1]!.type;
  const [o, i] = shape as [number, number];
  const fits = i >= fewestChannels && o / groups >= fewestChannels;
  const taps = elementCount(shape.slice(1));
  return fits && taps <= mostTaps && (groups === 1 || i % pair === 0);
}

/** How a layer's numbers become integers. */
export interface FixedPoint {
  /** The integer of the input's largest magnitude. */
  readonly levels: number;
  /** What 1 of a weight stands for, by output. */
  readonly weightSteps: Float64Array;
}

/** How much finer inputs are than weights: their extremes lie farther out. */
const inputShare = 2;

/** Largest integers of inputs and of weights with which no sum overflows, whatever the inputs are. */
export interface Levels {
  readonly inputs: number;
  /** Not an integer: what the largest weight is multiplied by before it is rounded. */
  readonly weights: number;
}

/**
 * Shares the bits of sums out.
 *
 * @param widest The sum of the magnitudes of an output's weights, in parts of the largest: the most of all outputs.
 * @param taps Weights of an output; rounding adds up to a half to each.
 */
export function levelsFor(widest: number, taps: number): Levels {
  const inputs = Math.min(mostLevels, Math.floor(inputShare * Math.sqrt(mostSum / widest)));
  const room = mostSum / inputs - taps / 2;
  assert(room > 0, 'layers are not so wide that their sums overflow');
  return { inputs, weights: Math.min(mostLevels, room / widest) };
}

/**
 * Integers for weights.
 *
 * @param rows Weights `[outputs][taps]`.
 */
export function fixedPointOf(rows: ArrayLike<number>, outputs: number): FixedPoint {
  const taps = rows.length / outputs;
  const sums = new Float64Array(outputs);
  const peaks = new Float64Array(outputs);
  for (let at = 0; at < rows.length; at++) {
    const magnitude = Math.abs(rows[at]!);
    const output = Math.floor(at / taps);
    sums[output]! += magnitude;
    peaks[output] = Math.max(peaks[output]!, magnitude);
  }
  const widest = sums.reduce((most, sum, o) => Math.max(most, sum / (peaks[o]! || 1)), 1);
  const { inputs, weights } = levelsFor(widest, taps);
  // Outputs with fewer large weights have finer ones.
  const room = weights * widest;
  const weightSteps = sums.map((sum, o) =>
    sum === 0 ? 1 : Math.max(sum / room, peaks[o]! / mostLevels),
  );
  return { levels: inputs, weightSteps };
}

const known = new WeakMap<object, FixedPoint>();

/** The same of the weights of a layer. */
export function fixedPointFor(node: OpNode): FixedPoint {
  const w = node.inputs[1];
  assert(w?.kind === 'constant', 'it accepts constants only');
  const found = known.get(w) ?? fixedPointOf(w.value.data, w.type.shape[0]!);
  known.set(w, found);
  return found;
}

/** Biases and what 1 of a weight stands for, `[group][block][bias, scale][8]`. */
export function packedScales(emit: Emitter, node: OpNode, { weightSteps }: FixedPoint): Address {
  const { groups = 1 } = node.attrs as Partial<AttrsOf<'conv'>>; // of both ops
  const bias = node.inputs[2] as ConstantNode; // `takesFixedPoint` has seen to it
  const outputs = weightSteps.length / groups;
  const packed = new Float32Array(groups * blocksOf(outputs) * 2 * blockLanes);
  weightSteps.forEach((step, o) => {
    const block =
      Math.floor(o / outputs) * blocksOf(outputs) + Math.floor((o % outputs) / blockLanes);
    const at = 2 * blockLanes * block + ((o % outputs) % blockLanes);
    packed[at] = bias.value.data[o]!;
    packed[at + blockLanes] = step;
  });
  return emit.constant(packed, bias.name);
}

/** Weights `[O, I, R, S]` in pairs of inputs: columns are `[R][S][pair]`, as the packed input has them. */
export function pairColumns([o, i, r = 1, s = 1]: readonly number[]): ColumnShape {
  const pairs = Math.ceil(i! / pair);
  return {
    outputs: o!,
    columns: r * s * pairs,
    items: pair,
    // Of an odd number of inputs the last is alone.
    indexOf(output, column, item) {
      const input = pair * (column % pairs) + item;
      return input < i! ? (output * i! + input) * r * s + Math.floor(column / pairs) : -1;
    },
  };
}

/** The pairs that each block of outputs keeps. */
export function keptPairs({ type, value }: ConstantNode): Lists {
  const shape = pairColumns(type.shape);
  const indexOf: ColumnShape['indexOf'] = (output, column, item) => {
    const index = shape.indexOf(output, column, item);
    return index < 0 ? shape.indexOf(output, column, 0) : index;
  };
  return keptColumns(value, { ...shape, indexOf });
}

/** Below this share of pairs that are left out a table costs more than it saves. */
const worthSkipping = 0.08;

/** Such kernels differ from dense ones in their table alone: what is predicted of them is known better than of others. */
export const worthFrom = 1.08;

/** Whether blocks leave enough of their columns out. */
export const skipsEnough = (lists: Lists, columns: number): boolean =>
  tapsOf(lists) <= (1 - worthSkipping) * lists.length * columns;

/** Every pair, for each block of each group. */
export const allPairs = (shape: readonly number[], groups: number): Lists => {
  const { outputs, columns } = pairColumns(shape);
  return Array.from({ length: groups * blocksOf(outputs / groups) }, () => [
    ...Array(columns).keys(),
  ]);
};

/** Integers of the listed columns, `[group][block][column][8][2]`, as the words that kernels load. */
export function packedPairs(
  emit: Emitter,
  node: OpNode,
  { weightSteps }: FixedPoint,
  lists: Lists,
): Address {
  const { groups = 1 } = node.attrs as Partial<AttrsOf<'conv'>>; // of both ops
  const w = node.inputs[1] as ConstantNode; // `takesFixedPoint` has seen to it
  const shape = pairColumns(w.type.shape);
  const outputs = shape.outputs / groups;
  const blocks = blocksOf(outputs);
  const packed = new Int16Array(tapsOf(lists) * blockLanes * pair);
  let to = 0;
  lists.forEach((list, at) => {
    const first = Math.floor(at / blocks) * outputs;
    const inGroup = (at % blocks) * blockLanes;
    for (const column of list)
      for (let lane = 0; lane < blockLanes; lane++)
        for (let item = 0; item < pair; item++, to++) {
          if (inGroup + lane >= outputs) continue;
          const output = first + inGroup + lane;
          const index = shape.indexOf(output, column, item);
          if (index >= 0) packed[to] = Math.round(w.value.data[index]! / weightSteps[output]!);
        }
  });
  return emit.constant(new Int32Array(packed.buffer), w.name);
}
