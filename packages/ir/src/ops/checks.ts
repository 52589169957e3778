// Questions that several ops ask of their operands before they answer with a type.

import { badDType, badShape } from '../errors.ts';
import { type DType, showType, type TensorType } from '../types.ts';

/** Refuses any element type but the given. */
export function expectDType(op: string, type: TensorType, ...dtypes: readonly DType[]): void {
  if (!dtypes.includes(type.dtype))
    throw badDType(op, `${showType(type)} where ${dtypes.join(' or ')} is taken`);
}

/** Refuses another rank. */
export function expectRank(op: string, type: TensorType, rank: number): void {
  if (type.shape.length !== rank)
    throw badShape(op, `${showType(type)} where rank ${rank} is taken`);
}

/** Refuses an axis that the type does not have. */
export function expectAxis(op: string, type: TensorType, axis: number): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= type.shape.length)
    throw badShape(op, `axis ${axis} of ${showType(type)}`);
}

/** Refuses a list that has not one entry an axis. */
export function expectEntries(op: string, type: TensorType, list: readonly number[]): void {
  if (list.length !== type.shape.length || list.some((n) => !Number.isInteger(n)))
    throw badShape(op, `[${list.join(', ')}] where ${showType(type)} takes one integer an axis`);
}

/** Whether a number can count groups, taps or steps: an integer from 1 on. */
export const isCount = (n: number): boolean => Number.isInteger(n) && n >= 1;

/** The four extents of a rank-4 shape. */
export function extents4(op: string, type: TensorType): readonly [number, number, number, number] {
  expectRank(op, type, 4);
  const [a, b, c, d] = type.shape;
  return [a!, b!, c!, d!];
}
