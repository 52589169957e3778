// Max pool with the places of its maxima: a running comparison over the taps of the window.

import { arg, call, elementCount, type Node, rowMajorStrides, type Tensor } from '@espalier/ir';
import type { Site } from '../importer.ts';
import { maxElements } from '../tensors.ts';
import type { Window } from '../windows.ts';
import { sliceAxis } from './select.ts';

/** Each tap is a slice of its own: more would make an absurd graph. */
const mostTaps = 1024;

/**
 * The maxima of x `[N, C, …]`, and for each its index into the flattened x, the first where several
 * are equal.
 */
export function indexedMaxPool(site: Site, x: Node, windows: readonly Window[]): [Node, Node] {
  const { b } = site;
  const { shape, dtype } = x.type;
  const kernels = windows.map(({ kernel }) => kernel);
  if (elementCount(kernels) > mostTaps)
    throw site.unsupported(`indices of maxima over [${kernels.join(', ')}]`);
  const around = (end: 'before' | 'after') => [0, 0, ...windows.map((window) => window[end])];
  const lowest = dtype === 'f32' ? Number.NEGATIVE_INFINITY : -0x80000000;
  const padded = b.pad(x, { before: around('before'), after: around('after'), value: lowest });
  const columnMajor = site.attributes.int('storage_order', 0) !== 0;
  const strides = columnMajor
    ? rowMajorStrides(shape.slice(2).toReversed()).toReversed()
    : rowMajorStrides(shape.slice(2));
  let best: { readonly value: Node; readonly index: Node } | undefined;
  for (const tap of tapsOf(kernels)) {
    const value = windows.reduce(
      (node, { dilation, output, stride }, i) =>
        sliceAxis(site, node, 2 + i, tap[i]! * dilation, output, stride),
      padded,
    );
    const index = b.constant(placesOf(site, tap, windows, strides));
    if (best === undefined) {
      best = { value, index: b.expand(index, { shape: value.type.shape }) };
      continue;
    }
    const wins = call('gt', arg(0), arg(1));
    best = {
      value: b.map([value, best.value], { expr: call('select', wins, arg(0), arg(1)) }),
      index: b.map([value, best.value, index, best.index], {
        expr: call('select', wins, arg(2), arg(3)),
      }),
    };
  }
  if (best === undefined) throw site.bad('the window is empty');
  const offsets = b.constant(offsetsOf(site, shape));
  return [best.value, b.scalar('add', best.index, offsets)];
}

function* tapsOf(kernels: readonly number[]): Generator<readonly number[]> {
  const count = elementCount(kernels);
  const strides = rowMajorStrides(kernels);
  for (let i = 0; i < count; i++)
    yield kernels.map((kernel, axis) => Math.floor(i / strides[axis]!) % kernel);
}

/** Where one tap of every window lies in the spatial axes; in the padding, its nearest element. */
function placesOf(
  site: Site,
  tap: readonly number[],
  windows: readonly Window[],
  strides: readonly number[],
): Tensor {
  const shape = windows.map(({ output }) => output);
  const count = site.claim(elementCount(shape), 'a table of places');
  const outer = rowMajorStrides(shape);
  const data = Int32Array.from({ length: count }, (_, i) =>
    windows.reduce((place, { stride, dilation, before, input, output }, axis) => {
      const at = (Math.floor(i / outer[axis]!) % output) * stride + tap[axis]! * dilation - before;
      return place + Math.max(0, Math.min(input - 1, at)) * strides[axis]!;
    }, 0),
  );
  return { type: { dtype: 'i32', shape }, data };
}

/** Index of the first element of each plane: `[N, C, 1, …]`. */
function offsetsOf(site: Site, shape: readonly number[]): Tensor {
  const plane = elementCount(shape.slice(2));
  const planes = site.claim(shape[0]! * shape[1]!, 'a table of planes');
  if (planes * plane > maxElements) throw site.unsupported('indices beyond 32 bits');
  const data = Int32Array.from({ length: planes }, (_, i) => i * plane);
  return { type: { dtype: 'i32', shape: [shape[0]!, shape[1]!, ...shape.slice(2).fill(1)] }, data };
}
