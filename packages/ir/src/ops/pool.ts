// The two pools that need kernels: the greatest and the sum of a window.

import type { Builder } from '../builder.ts';
import { same } from '../channels.ts';
import type { Node } from '../node.ts';
import type { Tensor, TensorType } from '../types.ts';
import { expectDType, extents4 } from './checks.ts';
import { filled, scatterSlice } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { expectSliding, insideTaps, type Pair, type Sliding, slidingExtents } from './windows.ts';

/** A window and how it slides. */
export interface PoolAttrs extends Sliding {
  /** Rows and columns of the window. */
  readonly kernel: Pair;
}

const inferPool = (op: string, x: TensorType, attrs: PoolAttrs): TensorType => {
  // Codes grow with the values that they stand for.
  expectDType(op, x, 'f32', ...(op === 'maxPool' ? (['u8'] as const) : []));
  expectSliding(op, attrs);
  const [n, c, h, w] = extents4(op, x);
  return { dtype: x.dtype, shape: [n, c, ...slidingExtents(op, [h, w], attrs.kernel, attrs)] };
};

/** Folds every window of every plane, padding left out. */
function fold(
  x: Tensor,
  { kernel, stride, dilation, pads }: PoolAttrs,
  y: Tensor,
  first: number,
  combine: (sum: number, value: number) => number,
): void {
  const [n, c, h, w] = extents4('pool', x.type);
  const [, , rows, columns] = extents4('pool', y.type);
  let to = 0;
  for (let plane = 0; plane < n * c; plane++)
    for (let row = 0; row < rows; row++) {
      const top = row * stride[0] - pads[0];
      const [firstR, endR] = insideTaps(top, kernel[0], dilation[0], h);
      for (let column = 0; column < columns; column++) {
        const left = column * stride[1] - pads[1];
        const [firstS, endS] = insideTaps(left, kernel[1], dilation[1], w);
        let sum = first;
        for (let r = firstR; r < endR; r++) {
          const line = (plane * h + top + r * dilation[0]) * w + left;
          for (let s = firstS; s < endS; s++) sum = combine(sum, x.data[line + s * dilation[1]]!);
        }
        y.data[to++] = sum;
      }
    }
}

/** Calls `use` with the strided slice of the padded input that each tap of the window reads. */
function eachTap(
  b: Builder,
  padded: Node,
  { kernel, stride, dilation }: PoolAttrs,
  out: TensorType,
  use: (slice: Node, starts: readonly number[], steps: readonly number[]) => void,
): void {
  const steps = [1, 1, ...stride];
  for (let r = 0; r < kernel[0]; r++)
    for (let s = 0; s < kernel[1]; s++) {
      const starts = [0, 0, r * dilation[0], s * dilation[1]];
      use(b.slice(padded, { starts, sizes: out.shape, steps }), starts, steps);
    }
}

const padding = ({ pads: [top, left, bottom, right] }: PoolAttrs, value: number) => ({
  before: [0, 0, top, left],
  after: [0, 0, bottom, right],
  value,
});

/** Cuts the margins off again. */
const unpad = (b: Builder, padded: Node, x: TensorType, { pads }: PoolAttrs): Node =>
  b.slice(padded, { starts: [0, 0, pads[0], pads[1]], sizes: x.shape, steps: [1, 1, 1, 1] });

/** The greatest element of each window; padding never wins. */
export const maxPool: Op<PoolAttrs, 1> = defineOp<PoolAttrs, 1>({
  name: 'maxPool',
  arity: 1,
  infer: ([x], attrs) => inferPool('maxPool', x, attrs),
  evaluate: ([x], attrs, y) => fold(x, attrs, y, Number.NEGATIVE_INFINITY, Math.max),

  gradient(b, dy, attrs, { inputs: [x], output }) {
    const padded = b.pad(x, padding(attrs, Number.NEGATIVE_INFINITY));
    let dx = filled(b, padded.type.shape, 0);
    let open = filled(b, dy.type.shape, 1);
    eachTap(b, padded, attrs, output.type, (slice, starts, steps) => {
      // Of equal elements the first takes all, as in PyTorch.
      const wins = b.scalar('mul', b.scalar('toF32', b.scalar('eq', slice, output)), open);
      open = b.scalar('sub', open, wins);
      const share = b.scalar('mul', dy, wins);
      dx = b.scalar('add', dx, scatterSlice(b, share, padded.type.shape, starts, steps));
    });
    return [unpad(b, dx, x.type, attrs)];
  },

  channels: () => same(0, 1),
  macs: () => 0,
});

/** The sum of each window; what lies outside counts as zero. */
export const sumPool: Op<PoolAttrs, 1> = defineOp<PoolAttrs, 1>({
  name: 'sumPool',
  arity: 1,
  infer: ([x], attrs) => inferPool('sumPool', x, attrs),
  evaluate: ([x], attrs, y) => fold(x, attrs, y, 0, (sum, value) => sum + value),

  gradient(b, dy, attrs, { inputs: [x] }) {
    const padded = b.pad(x, padding(attrs, 0));
    let dx = filled(b, padded.type.shape, 0);
    eachTap(b, padded, attrs, dy.type, (_, starts, steps) => {
      dx = b.scalar('add', dx, scatterSlice(b, dy, padded.type.shape, starts, steps));
    });
    return [unpad(b, dx, x.type, attrs)];
  },

  channels: () => same(0, 1),
  macs: () => 0,
});
