// A fully connected layer: a product by a matrix of weights, stored a row for each output.

import { type AxisLink, at } from '../channels.ts';
import { badShape } from '../errors.ts';
import { elementCount, showType } from '../types.ts';
import { expectDType, expectRank } from './checks.ts';
import { defineOp, type Op } from './op.ts';
import { expectPrecision, type LayerPrecision } from './precision.ts';

/** The operands say everything else. */
export type LinearAttrs = LayerPrecision;

/** `[…, K]` times the transpose of weights `[O, K]` plus a bias `[O]`, to `[…, O]`. */
export const linear: Op<LinearAttrs, 3> = defineOp<LinearAttrs, 3>({
  name: 'linear',
  arity: 3,

  infer([x, w, bias], attrs) {
    expectPrecision('linear', attrs);
    for (const type of [x, w, bias]) expectDType('linear', type, 'f32');
    expectRank('linear', w, 2);
    expectRank('linear', bias, 1);
    const [o, k] = w.shape;
    if (x.shape.length === 0 || x.shape.at(-1) !== k || bias.shape[0] !== o)
      throw badShape('linear', `${showType(x)} by ${showType(w)} plus ${showType(bias)}`);
    return { dtype: 'f32', shape: [...x.shape.slice(0, -1), o!] };
  },

  evaluate([x, w, bias], _, y) {
    const [o, k] = [w.type.shape[0]!, w.type.shape[1]!];
    const rows = elementCount(x.type.shape.slice(0, -1));
    for (let row = 0; row < rows; row++)
      for (let out = 0; out < o; out++) {
        let sum: number = bias.data[out]!;
        for (let i = 0; i < k; i++) sum += x.data[row * k + i]! * w.data[out * k + i]!;
        y.data[row * o + out] = sum;
      }
  },

  gradient(b, dy, _, { inputs: [x, w] }) {
    const [o, k] = [w.type.shape[0]!, w.type.shape[1]!];
    const rows = elementCount(x.type.shape.slice(0, -1));
    const flat = b.reshape(dy, { shape: [rows, o] });
    const images = b.reshape(x, { shape: [rows, k] });
    return [
      b.matmul(dy.type.shape.length < 2 ? flat : dy, w),
      b.matmul(b.transpose(flat, { perm: [1, 0] }), images),
      b.reduce(flat, { kind: 'sum', axes: [0], keepDims: false }),
    ].map((g, i) => (i === 0 ? b.reshape(g, { shape: x.type.shape }) : g));
  },

  channels(_, [x]) {
    const last = x.shape.length - 1;
    const lead = x.shape
      .slice(0, -1)
      .map((_extent, axis): AxisLink => ({ places: [at(0, axis), at('output', axis)] }));
    return [
      { places: [at(0, last), at(1, 1)] },
      { places: [at('output', last), at(1, 0), at(2, 0)] },
      ...lead,
    ];
  },

  macs: (_, [, w], y) => elementCount(y.shape) * w.shape[1]!,
});
