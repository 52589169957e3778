// Convolutions over any number of axes, as sums of 2-D ones.

import type { Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { reshaped, swapped } from '../reshaped.ts';
import { pair, perAxis, still, type Window, windowsOf } from '../windows.ts';
import { sliceAxis } from './select.ts';

/** Operands of a convolution: x `[N, C, …]`, w `[O, C/groups, …]`, bias `[O]`. */
interface Convolution {
  readonly x: Node;
  readonly w: Node;
  readonly bias: Node;
  readonly groups: number;
}

function conv(site: Site): Node {
  const w = site.input(1);
  return convolution(site, site.input(0), w, site.optional(2));
}

/** Convolves `x` with weights `w` as the call's attributes say. */
export function convolution(site: Site, x: Node, w: Node, given: Node | undefined): Node {
  const rank = x.type.shape.length - 2;
  if (rank < 1 || w.type.shape.length !== rank + 2)
    throw site.bad(`weights of rank ${w.type.shape.length} over a rank ${rank + 2} tensor`);
  const kernels = w.type.shape.slice(2);
  const declared = perAxis(site, 'kernel_shape', rank, 0, 0);
  if (site.attributes.has('kernel_shape') && declared.some((size, i) => size !== kernels[i]))
    throw site.bad(`kernel_shape [${declared.join(', ')}] of weights [${kernels.join(', ')}]`);
  const windows = windowsOf(site, x.type.shape.slice(2), kernels);
  const bias = given ?? site.zeros(w.type.shape[0]!);
  return convolve(site, { x, w, bias, groups: site.attributes.int('group', 1) }, windows);
}

/** Peels the first axis off until two are left: each tap along it is a convolution of its own. */
function convolve(site: Site, given: Convolution, windows: readonly Window[]): Node {
  const { b } = site;
  const { x, w, bias, groups } = given;
  const [first, second, ...others] = windows;
  const { shape } = x.type;
  if (second === undefined) {
    const flat = (node: Node) => reshaped(b, node, node.type.shape.toSpliced(2, 0, 1));
    const result = convolve(site, { ...given, x: flat(x), w: flat(w) }, [still(1), first!]);
    return reshaped(b, result, result.type.shape.toSpliced(2, 1));
  }
  if (others.length === 0) return b.conv(x, w, bias, { ...pair([first!, second]), groups });
  const { kernel, stride, dilation, before, after, output } = first!;
  const around = (size: number) => shape.map((_, axis) => (axis === 2 ? size : 0));
  const padded =
    before + after === 0 ? x : b.pad(x, { before: around(before), after: around(after), value: 0 });
  let sum: Node | undefined;
  for (let tap = 0; tap < kernel; tap++) {
    const slab = sliceAxis(site, padded, 2, tap * dilation, output, stride);
    const rows = swapped(b, slab, 1);
    const [n, , c] = rows.type.shape;
    const image = reshaped(b, rows, [n! * output, c!, ...shape.slice(3)]);
    const weights = b.reshape(sliceAxis(site, w, 2, tap, 1), {
      shape: w.type.shape.toSpliced(2, 1),
    });
    const part = convolve(
      site,
      { x: image, w: weights, bias: tap === 0 ? bias : site.zeros(w.type.shape[0]!), groups },
      windows.slice(1),
    );
    sum = sum === undefined ? part : b.scalar('add', sum, part);
  }
  if (sum === undefined) throw site.bad('the kernel is empty');
  const [, o, ...rest] = sum.type.shape;
  return swapped(b, reshaped(b, sum, [shape[0]!, output, o!, ...rest]), 1);
}

/** Convolution, by ONNX name. */
export const convs: Importers = { Conv: { import: conv } };
