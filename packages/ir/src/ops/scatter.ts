// Writes slices into a copy of a tensor, at places that indices name.

import { at, tied } from '../channels.ts';
import { badDType, badShape } from '../errors.ts';
import { elementCount, sameShape, showType } from '../types.ts';
import { expectDType, expectRank } from './checks.ts';
import { filled } from './gradients.ts';
import { defineOp, type Op } from './op.ts';
import { parseScalar } from './scalar.ts';

/** What becomes of a slice and its update. */
export interface ScatterAttrs {
  /** `set` replaces it; of several updates of one slice the last stays. */
  readonly kind: 'set' | 'add' | 'mul' | 'max' | 'min';
}

const combine = {
  set: (_: number, update: number) => update,
  add: (a: number, b: number) => a + b,
  mul: (a: number, b: number) => a * b,
  max: Math.max,
  min: Math.min,
} as const;

/**
 * `[P, …]` with updates `[N, …]` combined into its slices along axis 0, update `n` into slice
 * `indices[n]`, in order. An index outside the axis is passed over.
 */
export const scatter: Op<ScatterAttrs, 3> = defineOp<ScatterAttrs, 3>({
  name: 'scatter',
  arity: 3,

  infer([x, indices, updates], { kind }) {
    expectDType('scatter', indices, 'i32');
    expectRank('scatter', indices, 1);
    if (x.shape.length === 0) throw badShape('scatter', `${showType(x)} has no axis`);
    if (!sameShape(updates.shape, [indices.shape[0]!, ...x.shape.slice(1)]))
      throw badShape('scatter', `${showType(updates)} at ${showType(indices)} of ${showType(x)}`);
    if (updates.dtype !== x.dtype || (x.dtype === 'bool' && (kind === 'add' || kind === 'mul')))
      throw badDType('scatter', `${kind} of ${showType(updates)} into ${showType(x)}`);
    return x;
  },

  evaluate([x, indices, updates], { kind }, y) {
    const size = x.type.shape[0]!;
    const inner = elementCount(x.type.shape.slice(1));
    const apply = kind === 'mul' && x.type.dtype === 'i32' ? Math.imul : combine[kind];
    y.data.set(x.data);
    indices.data.forEach((index, n) => {
      if (index < 0 || index >= size) return;
      for (let i = 0; i < inner; i++)
        y.data[index * inner + i] = apply(y.data[index * inner + i]!, updates.data[n * inner + i]!);
    });
  },

  /** Exact where no index repeats; of updates that overwrite each other, all get the gradient. */
  gradient(b, dy, { kind }, { inputs: [x, indices, updates], output }) {
    const picked = (node: typeof dy) => b.gather(node, indices, { axis: 0 });
    const [size, rank] = [x.type.shape[0]!, x.type.shape.length];
    const wide = b.reshape(indices, {
      shape: [indices.type.shape[0]!, ...new Array<number>(rank - 1).fill(1)],
    });
    const own = b.map([picked(dy), wide], {
      expr: parseScalar(`select(and(ge(a1, 0i), lt(a1, ${size}i)), a0, 0)`),
    });
    if (kind === 'add') return [dy, undefined, own];
    if (kind === 'set') {
      const none = filled(b, updates.type.shape, 0);
      return [b.scatter(dy, indices, none, { kind }), undefined, own];
    }
    if (kind === 'mul') {
      const before = picked(x);
      return [
        b.scatter(dy, indices, b.scalar('mul', own, updates), { kind: 'set' }),
        undefined,
        b.scalar('mul', own, before),
      ];
    }
    const hit = (node: typeof dy, result: typeof dy) =>
      b.scalar('toF32', b.scalar('eq', node, result));
    return [
      b.scalar('mul', dy, hit(x, output)),
      undefined,
      b.scalar('mul', own, hit(updates, picked(output))),
    ];
  },

  channels: (_, [x]) =>
    x.shape.flatMap((_, axis) =>
      axis === 0 ? [] : tied(at('output', axis), at(0, axis), at(2, axis)),
    ),
  macs: () => 0,
});
