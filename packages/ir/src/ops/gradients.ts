// Pieces that several gradient rules are made of.

import type { Builder } from '../builder.ts';
import type { Node } from '../node.ts';
import { elementCount, type Shape, sameShape } from '../types.ts';

/** A constant of one value repeated. */
export function filled(b: Builder, shape: Shape, value: number): Node {
  const data = new Float32Array(elementCount(shape)).fill(value);
  return b.constant({ type: { dtype: 'f32', shape }, data });
}

/** Sums `dy` over the axes along which an operand of `shape` was repeated. */
export function unbroadcast(b: Builder, dy: Node, shape: Shape): Node {
  if (sameShape(dy.type.shape, shape)) return dy;
  const lead = dy.type.shape.length - shape.length;
  const axes = dy.type.shape.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? b.reduce(dy, { kind: 'sum', axes, keepDims: true }) : dy;
  return b.reshape(summed, { shape });
}

/** Exchanges the last two axes. */
export function swapLast(b: Builder, x: Node): Node {
  const perm = x.type.shape.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  return b.transpose(x, { perm });
}

/**
 * The adjoint of a slice with positive steps: `g` put at `starts`, every `steps` apart, into zeros.
 */
export function scatterSlice(
  b: Builder,
  g: Node,
  shape: Shape,
  starts: readonly number[],
  steps: readonly number[],
): Node {
  if (elementCount(shape) === 0 || elementCount(g.type.shape) === 0) return filled(b, shape, 0);
  let spread = g;
  if (steps.some((step) => step !== 1)) {
    // Each axis becomes [n, step] with zeros behind every element, and then one axis again.
    const split = g.type.shape.flatMap((n) => [n, 1]);
    const after = steps.flatMap((step) => [0, step - 1]);
    const apart = b.pad(b.reshape(g, { shape: split }), {
      before: after.map(() => 0),
      after,
      value: 0,
    });
    spread = b.reshape(apart, { shape: g.type.shape.map((n, axis) => n * steps[axis]!) });
  }
  const after = shape.map((n, axis) => n - starts[axis]! - spread.type.shape[axis]!);
  const padded = b.pad(spread, {
    before: starts,
    after: after.map((n) => Math.max(0, n)),
    value: 0,
  });
  return b.slice(padded, {
    starts: shape.map(() => 0),
    sizes: shape,
    steps: shape.map(() => 1),
  });
}

/**
 * A table of `[out, taps]` indices and weights as the matrix `[out, size]` that it stands for.
 */
export function tableMatrix(b: Builder, indices: Node, weights: Node, size: number): Node {
  const [out, taps] = [indices.type.shape[0]!, indices.type.shape[1]!];
  const columns = b.constant({
    type: { dtype: 'i32', shape: [1, 1, size] },
    data: Int32Array.from({ length: size }, (_, i) => i),
  });
  const shape = [out, taps, 1];
  const hit = b.scalar('eq', b.reshape(indices, { shape }), columns);
  const weighed = b.scalar('mul', b.scalar('toF32', hit), b.reshape(weights, { shape }));
  return b.reduce(weighed, { kind: 'sum', axes: [1], keepDims: false });
}

/** `matrixᵀ · dy` along one axis: `[.., out, ..]` and `[out, size]` to `[.., size, ..]`. */
export function alongAxis(b: Builder, dy: Node, matrix: Node, axis: number): Node {
  const rank = dy.type.shape.length;
  const perm = dy.type.shape.map((_, i) => i);
  perm.push(...perm.splice(axis, 1));
  const moved = b.transpose(dy, { perm });
  const [out, size] = [matrix.type.shape[0]!, matrix.type.shape[1]!];
  const rows = elementCount(moved.type.shape.slice(0, -1));
  const product = b.matmul(b.reshape(moved, { shape: [rows, out] }), matrix);
  const shape = [...moved.type.shape.slice(0, -1), size];
  const back = Array.from({ length: rank }, (_, i) => perm.indexOf(i));
  return b.transpose(b.reshape(product, { shape }), { perm: back });
}
