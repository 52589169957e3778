// Values in an order of their own: a transpose only says how a tensor lies, until an op minds.

import { rowMajorStrides } from '@espalier/ir';
import type { PeerAttrs, PeerOp, PeerTensor } from './peer-graph.ts';

/** A tensor of the graph: its axes as the graph numbers them, and which of them lies where. */
export interface Value {
  readonly tensor: PeerTensor;
  readonly shape: readonly number[];
  /** Axes from outermost to innermost in memory. */
  readonly order: readonly number[];
}

/** Row-major. */
export const plainOrder = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

/** Where the engines want images: channels last. Other ranks are row-major. */
export const imageOrder = (rank: number): number[] =>
  rank === 4 ? [0, 2, 3, 1] : plainOrder(rank);

const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((axis, i) => axis === b[i]);

/** Extents in memory order. */
export const storedShape = (shape: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => shape[axis]!);

/** Collects ops, and the values that they make. */
export function createWriter() {
  const ops: PeerOp[] = [];

  /** Adds an op whose result has these extents in memory. */
  function emit(attrs: PeerAttrs, inputs: readonly PeerTensor[], shape: readonly number[]) {
    const output: PeerTensor = { shape };
    ops.push({ attrs, inputs, output });
    return output;
  }

  /** The same value in another order. */
  function arrange(value: Value, order: readonly number[]): Value {
    if (same(value.order, order)) return value;
    const { shape } = value;
    const to = storedShape(shape, order);
    const long = (axis: number) => shape[axis]! > 1;
    const moved = !same(value.order.filter(long), order.filter(long));
    const perm = order.map((axis) => value.order.indexOf(axis));
    const { tensor } = value;
    if (tensor.data) {
      const data = permuted(tensor.data, tensor.shape, perm);
      return { shape, order, tensor: { shape: to, data } };
    }
    if (moved) return { shape, order, tensor: emit({ kind: 'transpose', perm }, [tensor], to) };
    return { shape, order, tensor: emit({ kind: 'reshape' }, [tensor], to) };
  }

  /** Other extents over the same elements; axes that stay together stay where they lie. */
  function reshape(value: Value, shape: readonly number[]): Value {
    const kept = reshapedOrder(value, shape);
    const from = kept ? value : arrange(value, plainOrder(value.shape.length));
    const order = kept ?? plainOrder(shape.length);
    const stored = storedShape(shape, order);
    if (same(stored, from.tensor.shape)) return { tensor: from.tensor, shape, order };
    const { data } = from.tensor;
    const tensor = data
      ? { shape: stored, data }
      : emit({ kind: 'reshape' }, [from.tensor], stored);
    return { tensor, shape, order };
  }

  return { ops, emit, arrange, reshape };
}

/** What `createWriter` makes. */
export type Writer = ReturnType<typeof createWriter>;

/** The order of a reshaped value if it needs no data moved: each run of axes is split or merged in place. */
function reshapedOrder(value: Value, shape: readonly number[]): number[] | undefined {
  const segments = segmentsOf(value.shape, shape);
  const stored = value.order.filter((axis) => value.shape[axis]! > 1);
  const result: number[] = [];
  while (stored.length > 0) {
    const segment = segments.find(({ from }) => from[0] === stored[0]);
    if (!segment || !same(stored.splice(0, segment.from.length), segment.from)) return undefined;
    result.push(...segment.to);
  }
  // Axes of one element lie anywhere: where the engines like them, if they can.
  const long = (axis: number) => shape[axis]! > 1;
  const liked = [imageOrder(shape.length), plainOrder(shape.length)];
  const short = plainOrder(shape.length).filter((axis) => !long(axis));
  return liked.find((order) => same(order.filter(long), result)) ?? [...short, ...result];
}

/** Smallest runs of axes with equal numbers of elements on both sides; axes of one element left out. */
function segmentsOf(from: readonly number[], to: readonly number[]) {
  const long = (shape: readonly number[]) => plainOrder(shape.length).filter((i) => shape[i]! > 1);
  const [a, b] = [long(from), long(to)];
  const segments: { from: number[]; to: number[] }[] = [];
  while (a.length > 0 && b.length > 0) {
    const segment = { from: [a.shift()!], to: [b.shift()!] };
    let [left, right] = [from[segment.from[0]!]!, to[segment.to[0]!]!];
    while (left !== right)
      if (left < right) {
        const axis = a.shift()!;
        segment.from.push(axis);
        left *= from[axis]!;
      } else {
        const axis = b.shift()!;
        segment.to.push(axis);
        right *= to[axis]!;
      }
    segments.push(segment);
  }
  return segments;
}

/** Elements with axis `perm[i]` of the given ones as axis `i`. */
export function permuted<T extends Float32Array | Int32Array>(
  data: T,
  shape: readonly number[],
  perm: readonly number[],
): T {
  const strides = rowMajorStrides(shape);
  const extents = perm.map((axis) => shape[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const out = data.slice() as T; // a typed array's slice has its own type
  const index = perm.map(() => 0);
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from]!;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < extents[axis]!) break;
      from -= steps[axis]! * extents[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
