// Arithmetic on views: what transposes, slices, broadcasts and reshapes do to strides.

import { elementCount, type Shape } from '@espalier/ir';
import { denseStrides, elementBytes, moved, noHalo, type Order, type View } from './view.ts';

/** Whether the margins of rows and columns survive: both axes are still there, whole. */
const keepsRows = (from: View, to: Shape): boolean =>
  to.length === 4 && to[2] === from.shape[2] && to[3] === from.shape[3];

/** The view with its axes permuted. */
export function transposed(view: View, perm: readonly number[]): View {
  const fixed = perm.length === 4 && perm[2] === 2 && perm[3] === 3;
  return {
    ...view,
    shape: perm.map((axis) => view.shape[axis]!),
    strides: perm.map((axis) => view.strides[axis]!),
    halo: fixed ? view.halo : noHalo,
  };
}

/** A regular part of the view. */
export function sliced(
  view: View,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[],
): View {
  const empty = elementCount(sizes) === 0;
  const offset = starts.reduce((sum, start, axis) => sum + start * view.strides[axis]!, 0);
  return {
    ...view,
    address: empty ? view.address : moved(view.address, elementBytes(view.dtype) * offset),
    shape: sizes,
    strides: view.strides.map((stride, axis) => stride * steps[axis]!),
    halo: keepsRows(view, sizes) && steps[2] === 1 && steps[3] === 1 ? view.halo : noHalo,
  };
}

/** The view repeated to a shape of the same or a higher rank, as numpy broadcasts. */
export function broadcast(view: View, shape: Shape): View {
  const lead = shape.length - view.shape.length;
  const strides = shape.map((extent, axis) => {
    const own = view.shape[axis - lead];
    return own === undefined || (own === 1 && extent !== 1) ? 0 : view.strides[axis - lead]!;
  });
  return { ...view, shape, strides, halo: keepsRows(view, shape) ? view.halo : noHalo };
}

/**
 * The same elements in row-major order under another shape, if strides can say that; `undefined`
 * where they would have to be moved.
 */
export function reshapedView(view: View, shape: Shape): View | undefined {
  const strides = new Array<number>(shape.length).fill(0);
  if (elementCount(shape) === 0) return { ...view, shape, strides, halo: noHalo };
  const axes = view.shape.map((_, axis) => axis).filter((axis) => view.shape[axis] !== 1);
  let next = 0;
  let to = 0;
  while (next < axes.length) {
    // The shortest runs of axes on both sides with the same number of elements.
    const first = next;
    let inputs = view.shape[axes[next++]!]!;
    const firstTo = to;
    let outputs = 1;
    while (inputs !== outputs) {
      if (outputs < inputs) outputs *= shape[to++]!;
      else inputs *= view.shape[axes[next++]!]!;
    }
    for (let i = first; i + 1 < next; i++) {
      const [outer, inner] = [axes[i]!, axes[i + 1]!];
      if (view.strides[outer] !== view.strides[inner]! * view.shape[inner]!) return undefined;
    }
    let step = view.strides[axes[next - 1]!]!;
    for (let axis = to - 1; axis >= firstTo; axis--) {
      strides[axis] = step;
      step *= shape[axis]!;
    }
  }
  // Strides of axes of one element are made up, and those would not lead into the margins.
  const alike = strides[2] === view.strides[2] && strides[3] === view.strides[3];
  return { ...view, shape, strides, halo: keepsRows(view, shape) && alike ? view.halo : noHalo };
}

/** The axes of a view from the greatest stride to the least; the order in which it lies in memory. */
export function orderOf(view: View): Order {
  const axes = view.shape.map((_, axis) => axis);
  if (view.strides.some((stride, axis) => stride <= 0 && view.shape[axis] !== 1)) return axes;
  // Axes of one element lie anywhere: they stay beside their neighbour in the graph's order.
  const size = (axis: number) => (view.shape[axis] === 1 ? 0 : view.strides[axis]!);
  const real = axes.filter((axis) => view.shape[axis] !== 1);
  const single = axes.filter((axis) => view.shape[axis] === 1);
  return [...single, ...real.sort((a, b) => size(b) - size(a) || a - b)];
}

/** Elements that a dense tensor with a halo takes, and where its first own element is. */
export function extentOf(
  shape: Shape,
  order: Order,
  halo: View['halo'],
): { readonly elements: number; readonly offset: number; readonly strides: readonly number[] } {
  const strides = denseStrides(shape, order, halo);
  const [top, left, bottom, right] = halo;
  const margins = [0, 0, top + bottom, left + right];
  const elements = shape.reduce((n, extent, axis) => n * (extent + (margins[axis] ?? 0)), 1);
  const offset = top * (strides[2] ?? 0) + left * (strides[3] ?? 0);
  return { elements, offset, strides };
}
