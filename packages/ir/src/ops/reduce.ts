// Folds whole axes: sums, products and extremes.

import type { Builder } from '../builder.ts';
import { same } from '../channels.ts';
import { badDType, badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { elementCount, rowMajorStrides } from '../types.ts';
import { expectAxis } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { parseScalar } from './scalar.ts';

/** What is folded, and how. */
export interface ReduceAttrs {
  readonly kind: 'sum' | 'max' | 'min' | 'prod';
  /** Ascending; none means that nothing is folded. */
  readonly axes: readonly number[];
  /** Whether folded axes stay, with extent 1. */
  readonly keepDims: boolean;
}

const folds = {
  sum: { first: 0, combine: (a: number, b: number) => a + b },
  prod: { first: 1, combine: (a: number, b: number) => a * b },
  max: { first: Number.NEGATIVE_INFINITY, combine: Math.max },
  min: { first: Number.POSITIVE_INFINITY, combine: Math.min },
} as const;

/**
 * Folds axes of f32 or i32, or of bool where `max` is "any" and `min` is "all". Of no elements the
 * sum is 0, the product 1, and the extremes are the least and the greatest value of the type.
 */
export const reduce: Op<ReduceAttrs, 1> = defineOp<ReduceAttrs, 1>({
  name: 'reduce',
  arity: 1,

  infer([x], { kind, axes, keepDims }) {
    axes.forEach((axis, i) => {
      expectAxis('reduce', x, axis);
      if (i > 0 && axis <= axes[i - 1]!) throw badShape('reduce', `axes [${axes}] do not ascend`);
    });
    if (x.dtype === 'bool' && (kind === 'sum' || kind === 'prod'))
      throw badDType('reduce', `${kind} of bool`);
    const shape = x.shape.flatMap((extent, axis) =>
      axes.includes(axis) ? (keepDims ? [1] : []) : [extent],
    );
    return { dtype: x.dtype, shape };
  },

  evaluate([x], { kind, axes }, y) {
    const { first, combine } = folds[kind];
    const kept = x.type.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const strides = rowMajorStrides(kept).map((s, axis) => (axes.includes(axis) ? 0 : s));
    const sums = new Float64Array(elementCount(kept)).fill(first);
    const index = x.type.shape.map(() => 0);
    let to = 0;
    for (let from = 0; from < x.data.length; from++) {
      // Products of integers wrap as they do in the machine.
      sums[to] =
        kind === 'prod' && x.type.dtype === 'i32'
          ? Math.imul(sums[to]!, x.data[from]!)
          : combine(sums[to]!, x.data[from]!);
      for (let axis = index.length - 1; axis >= 0; axis--) {
        to += strides[axis]!;
        if (++index[axis]! < x.type.shape[axis]!) break;
        to -= strides[axis]! * index[axis]!;
        index[axis] = 0;
      }
    }
    const isFloat = x.type.dtype === 'f32';
    const [least, greatest] = x.type.dtype === 'bool' ? [0, 1] : [-(2 ** 31), 2 ** 31 - 1];
    for (let i = 0; i < sums.length; i++) {
      const sum = sums[i]!;
      const extreme = !isFloat && !Number.isFinite(sum);
      y.data[i] = extreme ? (sum < 0 ? least : greatest) : sum;
    }
  },

  gradient(b, dy, { kind, axes }, { inputs: [x], output }) {
    const { shape } = x.type;
    const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const wide = b.expand(b.reshape(dy, { shape: kept }), { shape });
    if (kind === 'sum') return [wide];
    const result = b.reshape(output, { shape: kept });
    if (kind === 'prod') return [b.scalar('mul', wide, othersProduct(b, x, axes))];
    // Equal extremes share the gradient.
    const hit = b.scalar('toF32', b.scalar('eq', x, result));
    const count = b.reduce(hit, { kind: 'sum', axes, keepDims: true });
    return [b.scalar('div', b.scalar('mul', wide, hit), count)];
  },

  channels({ axes, keepDims }, [x]) {
    if (keepDims) return same(...x.shape.map((_, axis) => axis).filter((a) => !axes.includes(a)));
    const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    return kept.map((axis, to) => ({
      places: [
        { of: 0, axis },
        { of: 'output', axis: to },
      ],
    }));
  },

  macs: () => 0,
});

/**
 * For each element the product of all others along `axes`. Zeros are counted apart, since dividing
 * the whole product by an element only answers where no element is zero.
 */
function othersProduct(b: Builder, x: Node, axes: readonly number[]): Node {
  const along = { axes, keepDims: true };
  const rest = b.map([x], { expr: parseScalar('select(eq(a0, 0), 1, a0)') });
  const product = b.reduce(rest, { kind: 'prod', ...along });
  const zeros = b.reduce(b.map([x], { expr: parseScalar('toF32(eq(a0, 0))') }), {
    kind: 'sum',
    ...along,
  });
  // Itself left out, how many zeros are there?
  const others = b.map([x, zeros], { expr: parseScalar('a1 - toF32(eq(a0, 0))') });
  const expr = parseScalar('select(eq(a2, 0), a0 / a1, 0)');
  return b.map([product, rest, others], { expr });
}
