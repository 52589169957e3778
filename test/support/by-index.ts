// Definitions element by element: an op is tested against a formula over indices, nothing shared.

import {
  allocate,
  createBuilder,
  evaluateConstant,
  type OpName,
  rowMajorStrides,
  type Tensor,
} from '@espalier/ir';
import type { Test } from 'tap';
import { closeTo, randomTensor, typeOf } from './tensors.ts';

/** An element by its index, 0 outside the tensor: `x(0, 2, -1, 5)`. */
export type Reader = (...index: readonly number[]) => number;

/** What an op should give: the element at an index, from its operands. */
export type Formula = (index: readonly number[], ...inputs: readonly Reader[]) => number;

/** Reads a tensor by index. */
export function reader({ type, data }: Tensor): Reader {
  const strides = rowMajorStrides(type.shape);
  return (...index) => {
    if (index.length !== type.shape.length) throw new Error(`${index} into [${type.shape}]`);
    const inside = index.every((at, axis) => at >= 0 && at < type.shape[axis]!);
    return inside ? data[index.reduce((sum, at, axis) => sum + at * strides[axis]!, 0)]! : 0;
  };
}

/** A tensor by the text of its type and a formula for its elements. */
export function byIndex(text: string, element: (index: readonly number[]) => number): Tensor {
  const type = typeOf(text);
  const strides = rowMajorStrides(type.shape);
  const data = allocate(type).map((_, i) =>
    element(type.shape.map((extent, axis) => Math.floor(i / strides[axis]!) % extent)),
  );
  return { type, data };
}

/** The integers from 0 up to `end`. */
export const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);

/** The sum of a function over all indices of a box, the last running fastest. */
export function sumOver(
  extents: readonly number[],
  term: (...index: readonly number[]) => number,
): number {
  const [first, ...rest] = extents;
  if (first === undefined) return term();
  return upTo(first).reduce((sum, at) => sum + sumOver(rest, (...index) => term(at, ...index)), 0);
}

/** The result of one op over constants, compositions included. */
export function compute(op: OpName, inputs: readonly Tensor[], attrs: object = {}): Tensor {
  const b = createBuilder();
  const operands = inputs.map((input) => b.constant(input));
  const result = evaluateConstant(b.apply(op, operands, attrs));
  if (!result) throw new Error('constants give constants');
  return result;
}

/** One op over random operands of the given types, and the type that it gives. */
export interface FormulaCase {
  readonly inputs: readonly string[];
  readonly attrs?: object;
  readonly output: string;
  readonly formula: Formula;
  /** Operands that are not random, by position. */
  readonly fixed?: Readonly<Record<number, Tensor>>;
  /** Range of random operands. */
  readonly range?: readonly [number, number];
  /**
   * Default 1e-6: sums are taken in double precision and rounded once, to 6e-8 of the result, on
   * both sides; the rest is room for terms that cancel.
   */
  readonly tolerance?: number;
}

/** A test that an op computes its formula, case by case. */
export const computes =
  (op: OpName, cases: readonly FormulaCase[]) =>
  async (t: Test): Promise<void> => {
    for (const { inputs, attrs, output, formula, fixed, range, tolerance = 1e-6 } of cases) {
      const values = inputs.map(
        (text, i) => fixed?.[i] ?? randomTensor(typeOf(text), 31 * i + 1, range),
      );
      const readers = values.map(reader);
      const expected = byIndex(output, (index) => formula(index, ...readers));
      const actual = compute(op, values, attrs);
      closeTo(t, actual, expected, tolerance, `${op}(${inputs}) ${JSON.stringify(attrs ?? {})}`);
    }
  };
