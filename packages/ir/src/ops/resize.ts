// Resizing in all of ONNX's ways: one `resample` for each axis that changes.

import { same } from '../channels.ts';
import { badShape } from '../errors.ts';
import type { Node } from '../node.ts';
import { expectAxis, expectDType } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { type Interpolation, type ResizedAxis, resizeTable } from './resize-tables.ts';
import { arg, call, literal } from './scalar.ts';

/** Which axes change, and how values are interpolated. */
export interface ResizeAttrs extends Interpolation {
  readonly axes: readonly ResizedAxis[];
  /** What `tf_crop_and_resize` reads outside the input. */
  readonly extrapolation: number;
}

/** Resizes some axes by interpolation. */
export const resize: Op<ResizeAttrs, 1> = defineOp<ResizeAttrs, 1>({
  name: 'resize',
  arity: 1,

  infer([x], { axes }) {
    expectDType('resize', x, 'f32');
    const shape = [...x.shape];
    for (const { axis, outLength, scale } of axes) {
      expectAxis('resize', x, axis);
      if (!(scale > 0) || !Number.isInteger(outLength) || outLength < 0 || shape[axis] === 0)
        throw badShape('resize', `${shape[axis]} to ${outLength} by a scale of ${scale}`);
      shape[axis] = outLength;
    }
    return { dtype: 'f32', shape };
  },

  decompose(b, [x], attrs) {
    let y: Node = x;
    for (const to of attrs.axes) {
      const { axis, outLength } = to;
      const { taps, indices, weights, inside } = resizeTable(x.type.shape[axis]!, to, attrs);
      const shape = [outLength, taps];
      y = b.resample(
        y,
        b.constant({ type: { dtype: 'i32', shape }, data: indices }),
        b.constant({ type: { dtype: 'f32', shape }, data: weights }),
        { axis },
      );
      if (inside.every(Boolean)) continue;
      const mask = b.constant({
        type: { dtype: 'bool', shape: x.type.shape.map((_, a) => (a === axis ? outLength : 1)) },
        data: Uint8Array.from(inside, Number),
      });
      const expr = call('select', arg(0), arg(1), literal(attrs.extrapolation));
      y = b.map([mask, y], { expr });
    }
    return y;
  },

  gradient: 'none', // differentiated after it is decomposed
  channels: ({ axes }, [x]) =>
    same(...x.shape.map((_, axis) => axis).filter((a) => !axes.some(({ axis }) => axis === a))),
  macs: () => 0,
});
