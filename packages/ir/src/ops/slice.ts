// A regular part of a tensor. A target makes a view of it.

import type { AxisLink } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, rowMajorStrides, showType } from '../types.ts';
import { expectEntries } from './checks.ts';
import { scatterSlice } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { readStrided } from './strided.ts';

/** The region, axis by axis. */
export interface SliceAttrs {
  /** The first element taken, one an axis. */
  readonly starts: readonly number[];
  /** How many are taken. */
  readonly sizes: readonly number[];
  /** From one to the next; negative walks backwards. */
  readonly steps: readonly number[];
}

/** Takes every `steps`-th element from `starts` on, `sizes` of them along each axis. */
export const slice: Op<SliceAttrs, 1> = defineOp<SliceAttrs, 1>({
  name: 'slice',
  arity: 1,

  infer([x], { starts, sizes, steps }) {
    for (const list of [starts, sizes, steps]) expectEntries('slice', x, list);
    x.shape.forEach((extent, axis) => {
      const [start, size, step] = [starts[axis]!, sizes[axis]!, steps[axis]!];
      const last = start + (size - 1) * step;
      const inside = (at: number) => at >= 0 && at < extent;
      if (step === 0 || size < 0 || (size > 0 && !(inside(start) && inside(last))))
        throw badShape(
          'slice',
          `${size} from ${start} by ${step} along axis ${axis} of ${showType(x)}`,
        );
    });
    return { dtype: x.dtype, shape: sizes };
  },

  evaluate([x], { starts, steps }, y) {
    const strides = rowMajorStrides(x.type.shape);
    const offset = starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
    readStrided(
      x,
      offset,
      strides.map((stride, axis) => stride * steps[axis]!),
      y,
    );
  },

  gradient(b, dy, { starts, sizes, steps }, { inputs: [x] }) {
    const { shape } = x.type;
    if (elementCount(shape) === 0) return [b.reshape(dy, { shape })];
    // Backward axes are turned around first: the adjoint then only knows positive steps.
    const turned = b.slice(dy, {
      starts: sizes.map((size, axis) => (steps[axis]! < 0 ? Math.max(0, size - 1) : 0)),
      sizes,
      steps: steps.map((step) => (step < 0 ? -1 : 1)),
    });
    const firsts = starts.map((start, axis) =>
      steps[axis]! < 0 ? start + (sizes[axis]! - 1) * steps[axis]! : start,
    );
    return [scatterSlice(b, turned, shape, firsts, steps.map(Math.abs))];
  },

  channels: ({ starts, sizes, steps }, [x]) =>
    x.shape.flatMap((extent, axis): AxisLink[] => {
      if (steps[axis] !== 1 || starts[axis] === undefined) return [];
      const whole = sizes[axis] === extent;
      const offset = whole ? {} : { offset: starts[axis] };
      return [
        {
          places: [
            { of: 'output', axis },
            { of: 0, axis, ...offset },
          ],
        },
      ];
    }),

  macs: () => 0,
});
