// Transposed convolution: the adjoint of `conv`, used to upsample and as its gradient.

import { at, same, tied } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount } from '../types.ts';
import { expectDType, expectRank, extents4, isCount } from './checks.ts';
import { weightGradient } from './conv.ts';
import { filled } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { expectSliding, type Pair, type Sliding } from './windows.ts';

/** How a transposed convolution slides, and which channels it sees. */
export interface ConvTransposeAttrs extends Sliding {
  /** Rows and columns added at the bottom and the right of the result. */
  readonly outputPadding: Pair;
  readonly groups: number;
}

/**
 * Spreads every pixel of `[N, C, H, W]` through weights `[C, O/groups, R, S]`, cuts `pads` off and
 * adds a bias `[O]`. The result has `(H − 1) · stride + dilation · (R − 1) + 1 + outputPadding` rows,
 * less the pads.
 */
export const convTranspose: Op<ConvTransposeAttrs, 3> = defineOp<ConvTransposeAttrs, 3>({
  name: 'convTranspose',
  arity: 3,

  infer([x, w, bias], attrs) {
    const { stride, dilation, pads, outputPadding, groups } = attrs;
    for (const type of [x, w, bias]) expectDType('convTranspose', type, 'f32');
    expectSliding('convTranspose', attrs);
    expectRank('convTranspose', bias, 1);
    const [n, c, h, width] = extents4('convTranspose', x);
    const [i, perGroup, r, s] = extents4('convTranspose', w);
    const o = perGroup * groups;
    if (!isCount(groups) || i !== c || c % groups !== 0)
      throw badShape('convTranspose', `weights [${w.shape}] in ${groups} groups, ${c} channels`);
    if (bias.shape[0] !== o)
      throw badShape('convTranspose', `bias [${bias.shape}] for ${o} outputs`);
    if (!outputPadding.every((n) => Number.isInteger(n) && n >= 0))
      throw badShape('convTranspose', `output padding [${outputPadding}] is not of counts`);
    const extent = (axis: 0 | 1, size: number, taps: number) =>
      (size - 1) * stride[axis] +
      dilation[axis] * (taps - 1) +
      1 +
      outputPadding[axis] -
      pads[axis] -
      pads[2 + axis]!;
    const [rows, columns] = [extent(0, h, r), extent(1, width, s)];
    if (rows < 0 || columns < 0)
      throw badShape('convTranspose', `pads [${pads}] leave nothing of ${h}×${width}`);
    return { dtype: 'f32', shape: [n, o, rows, columns] };
  },

  evaluate([x, w, bias], { stride, dilation, pads, groups }, y) {
    const [n, c, h, width] = extents4('convTranspose', x.type);
    const [, perGroup, r, s] = extents4('convTranspose', w.type);
    const [, o, rows, columns] = extents4('convTranspose', y.type);
    const plane = rows * columns;
    const sums = new Float64Array(plane);
    for (let image = 0; image < n; image++)
      for (let out = 0; out < o; out++) {
        const group = Math.floor(out / perGroup);
        const inGroup = c / groups;
        sums.fill(bias.data[out]!);
        for (let channel = group * inGroup; channel < (group + 1) * inGroup; channel++)
          for (let tap = 0; tap < r * s; tap++) {
            const weight = w.data[(channel * perGroup + (out % perGroup)) * r * s + tap]!;
            const top = Math.floor(tap / s) * dilation[0] - pads[0];
            const left = (tap % s) * dilation[1] - pads[1];
            for (let row = 0; row < h; row++) {
              const to = row * stride[0] + top;
              if (to < 0 || to >= rows) continue;
              const line = ((image * c + channel) * h + row) * width;
              for (let column = 0; column < width; column++) {
                const at = column * stride[1] + left;
                if (at >= 0 && at < columns)
                  sums[to * columns + at]! += weight * x.data[line + column]!;
              }
            }
          }
        y.data.set(sums, (image * o + out) * plane);
      }
  },

  gradient(b, dy, { stride, dilation, pads, groups }, { inputs: [x, w] }) {
    const attrs = { stride, dilation, pads, groups };
    const sums = b.conv(dy, w, filled(b, [x.type.shape[1]!], 0), attrs);
    // Output padding beyond the stride lets further windows fit, which came from no pixel.
    const dx = b.slice(sums, {
      starts: [0, 0, 0, 0],
      sizes: x.type.shape,
      steps: [1, 1, 1, 1],
    });
    const db = b.reduce(dy, { kind: 'sum', axes: [0, 2, 3], keepDims: false });
    return [dx, weightGradient(b, dy, x, attrs, w), db];
  },

  channels({ groups }, [x, w]) {
    if (groups > 1 && groups === x.shape[1]) {
      const inner = w.shape[1]!;
      const made = [at('output', 1, { inner }), at(2, 0, { inner })];
      return [...same(0), ...tied(at(0, 1), at(1, 0), ...made)];
    }
    // Groups stay of one size, so each of them gives up the same channel.
    const outer = groups;
    return [
      ...same(0),
      ...tied(at(0, 1, { outer }), at(1, 0, { outer })),
      ...tied(at(1, 1), at('output', 1, { outer }), at(2, 0, { outer })),
    ];
  },

  macs: (_, [x, w]) => elementCount(x.shape) * elementCount(w.shape.slice(1)),
});
