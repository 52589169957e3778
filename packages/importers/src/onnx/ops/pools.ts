// Pools over any number of axes, as 2-D ones.

import { allocate, arg, call, elementCount, type Node, type TensorType } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { reshaped } from '../reshaped.ts';
import { pair, perAxis, still, type Window, windowsOf } from '../windows.ts';
import { indexedMaxPool } from './pool-indices.ts';

/** The operand of a pool, at least one spatial axis, and its windows. */
function pooled(site: Site): { readonly x: Node; readonly windows: readonly Window[] } {
  const x = site.input(0);
  const spatial = x.type.shape.slice(2);
  if (spatial.length === 0) throw site.bad(`a pool of a rank ${x.type.shape.length} tensor`);
  if (!site.attributes.has('kernel_shape')) throw site.bad('attribute kernel_shape is missing');
  const windows = windowsOf(site, spatial, perAxis(site, 'kernel_shape', spatial.length, 1));
  return { x, windows };
}

/** Maxima and sums are separable: the last two axes first, then each of the others alone. */
function pool(site: Site, kind: 'maxPool' | 'sumPool', x: Node, windows: readonly Window[]): Node {
  const { b } = site;
  const [n, c] = x.type.shape as [number, number]; // `pooled` has seen to the rank
  const extents = windows.map(({ input }) => input);
  const slide = (rows: Node, height: Window, width: Window, outer: readonly number[]) => {
    const image = [n, c * elementCount(outer), height.input, width.input];
    const kernel = [height.kernel, width.kernel] as const;
    return b[kind](reshaped(b, rows, image), { kernel, ...pair([height, width]) });
  };
  const last = windows.length - 1;
  const [height, width] = [windows[last - 1] ?? still(1), windows[last]!];
  let result = slide(x, height, width, extents.slice(0, Math.max(0, last - 1)));
  extents.splice(Math.max(0, last - 1), 2, ...windows.slice(-2).map(({ output }) => output));
  for (let i = last - 2; i >= 0; i--) {
    const inner = elementCount(extents.slice(i + 1));
    result = slide(result, windows[i]!, still(inner), extents.slice(0, i));
    extents[i] = windows[i]!.output;
  }
  return reshaped(b, result, [n, c, ...extents]);
}

function maxPool(site: Site): Node | readonly (Node | undefined)[] {
  const { x, windows } = pooled(site);
  if (site.wants(1)) return indexedMaxPool(site, x, windows);
  if (x.type.dtype === 'f32') return pool(site, 'maxPool', x, windows);
  return site.b.scalar('toI32', pool(site, 'maxPool', site.b.scalar('toF32', x), windows));
}

/** How many elements of the operand, or of it and its padding, each window covers. */
function countsOf(
  { kernel, stride, dilation, before, after, beyond, input, output }: Window,
  countPads: boolean,
): number[] {
  const low = countPads ? -before : 0;
  const high = countPads ? input + after - beyond : input;
  return Array.from({ length: output }, (_, i) => {
    const start = i * stride - before;
    const first = Math.max(0, Math.ceil((low - start) / dilation));
    const end = Math.min(kernel, Math.ceil((high - start) / dilation));
    return Math.max(0, end - first);
  });
}

function averagePool(site: Site): Node {
  const { b } = site;
  const { x, windows } = pooled(site);
  const countPads = site.attributes.int('count_include_pad', 0) !== 0;
  const [top, left] = windows;
  if (top && left && windows.length === 2 && top.beyond + left.beyond === 0)
    return b.avgPool(x, { kernel: [top.kernel, left.kernel], ...pair([top, left]), countPads });
  const sum = pool(site, 'sumPool', x, windows);
  site.claim(elementCount(windows.map(({ output }) => output)), 'a table of window sizes');
  const counts = windows.map((window) => countsOf(window, countPads));
  return b.scalar('mul', sum, b.constant(reciprocals(counts)));
}

/** One over the product of the counts along each axis. */
function reciprocals(counts: readonly (readonly number[])[]) {
  const uniform = counts.every((along) => along.every((count) => count === along[0]));
  const shape = uniform ? [] : counts.map(({ length }) => length);
  const type: TensorType = { dtype: 'f32', shape };
  const data = allocate(type);
  for (let i = 0; i < data.length; i++) {
    let rest = i;
    let product = 1;
    for (let axis = counts.length - 1; axis >= 0; axis--) {
      const along = counts[axis]!;
      product *= along[rest % along.length] ?? 1;
      rest = Math.floor(rest / along.length);
    }
    data[i] = product === 0 ? 0 : 1 / product;
  }
  return { type, data };
}

/** The p-norm of each window. */
function lpPool(site: Site): Node {
  const { b } = site;
  const { x, windows } = pooled(site);
  const p = b.value(site.attributes.int('p', 2));
  const powers = b.map([x, p], { expr: call('pow', call('abs', arg(0)), arg(1)) });
  const inverse = call('pow', arg(0), call('reciprocal', arg(1)));
  return b.map([pool(site, 'sumPool', powers, windows), p], { expr: inverse });
}

const spatialAxes = (site: Site, x: Node): number[] => {
  if (x.type.shape.length < 3) throw site.bad(`a pool of a rank ${x.type.shape.length} tensor`);
  return x.type.shape.map((_, axis) => axis).slice(2);
};

/** Pools, by ONNX name. */
export const pools: Importers = {
  AveragePool: { import: averagePool },
  GlobalAveragePool: {
    import: (site) => {
      const x = site.input(0);
      return site.b.mean(x, { axes: spatialAxes(site, x), keepDims: true });
    },
  },
  GlobalLpPool: {
    import: (site) => {
      const { b } = site;
      const x = site.input(0);
      const p = b.value(site.attributes.int('p', 2));
      const powers = b.map([x, p], { expr: call('pow', call('abs', arg(0)), arg(1)) });
      const sum = b.reduce(powers, { kind: 'sum', axes: spatialAxes(site, x), keepDims: true });
      return b.map([sum, p], { expr: call('pow', arg(0), call('reciprocal', arg(1))) });
    },
  },
  GlobalMaxPool: {
    import: (site) => {
      const x = site.input(0);
      return site.b.reduce(x, { kind: 'max', axes: spatialAxes(site, x), keepDims: true });
    },
  },
  LpPool: { import: lpPool },
  MaxPool: { import: maxPool },
};
