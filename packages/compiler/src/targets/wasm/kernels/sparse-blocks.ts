// Constant weights with zeros, as the columns that blocks of outputs keep.

import type { ConstantNode, OpNode, Tensor } from '@espalier/ir';
import { isConstant } from './pack.ts';
import { blockLanes } from './tile.ts';

/** Weights by index: `[outputs][columns][items]`, where a column is kept or dropped as a whole. */
export interface ColumnShape {
  readonly outputs: number;
  readonly columns: number;
  /** Weights of one column and output: 1, or the 9 of a kernel. */
  readonly items: number;
  /** The index of a weight in the tensor. */
  indexOf(output: number, column: number, item: number): number;
}

/** The columns that each block of outputs keeps, growing. */
export type Lists = readonly (readonly number[])[];

/** Sparse kernels are taken where they are predicted so much faster than dense ones: then they are faster. */
export const worthFrom = 1.25;

/** The columns in which any output of a block has a weight. */
export function keptColumns({ data }: Tensor, shape: ColumnShape, height = blockLanes): Lists {
  const { outputs, columns, items, indexOf } = shape;
  return Array.from({ length: Math.ceil(outputs / height) }, (_, block) => {
    const first = block * height;
    const last = Math.min(first + height, outputs);
    const kept: number[] = [];
    for (let column = 0; column < columns; column++) if (isKept(column)) kept.push(column);
    return kept;

    function isKept(column: number): boolean {
      for (let output = first; output < last; output++)
        for (let item = 0; item < items; item++)
          if (data[indexOf(output, column, item)] !== 0) return true;
      return false;
    }
  });
}

/** The weights of the kept columns, `[tap][item][height]`, block after block. */
export function keptWeights(
  { data }: Tensor,
  shape: ColumnShape,
  lists: Lists,
  height = blockLanes,
): Float32Array {
  const { outputs, items, indexOf } = shape;
  const result = new Float32Array(tapsOf(lists) * items * height);
  let to = 0;
  lists.forEach((columns, block) => {
    const lanes = Math.min(height, outputs - block * height);
    for (const column of columns)
      for (let item = 0; item < items; item++) {
        for (let lane = 0; lane < lanes; lane++)
          result[to + lane] = data[indexOf(block * height + lane, column, item)]!;
        to += height;
      }
  });
  return result;
}

/** Taps of all blocks together. */
export const tapsOf = (lists: Lists): number => lists.reduce((sum, { length }) => sum + length, 0);

const zeroShares = new WeakMap<Tensor, number>();

/** The part of a tensor's elements that are zero. */
function zeroShare(tensor: Tensor): number {
  const known = zeroShares.get(tensor);
  if (known !== undefined) return known;
  const { data } = tensor;
  let zeros = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
  const share = data.length === 0 ? 0 : zeros / data.length;
  zeroShares.set(tensor, share);
  return share;
}

/** Below this share of zeros no sparse kernel is worth a look. */
const worthSkipping = 0.08;

/** The weights, if they are constant and have zeros enough. */
export function sparseWeights(node: OpNode): ConstantNode | undefined {
  const w = node.inputs[1];
  if (w?.kind !== 'constant' || !isConstant(node, 2) || zeroShare(w.value) < worthSkipping)
    return undefined;
  return w;
}
