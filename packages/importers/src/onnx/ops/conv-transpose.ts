// Transposed convolutions over any number of axes, as sums of 2-D ones.

import type { Node } from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { reshaped, swapped } from '../reshaped.ts';
import { maxElements } from '../tensors.ts';
import { perAxis, reach, still, type Window } from '../windows.ts';
import { sliceAxis } from './select.ts';

/** A window, and how many more elements the result has at its end. */
interface Spread extends Window {
  readonly extra: number;
}

function convTranspose(site: Site): Node {
  const x = site.input(0);
  const w = site.input(1);
  const rank = x.type.shape.length - 2;
  if (rank < 1 || w.type.shape.length !== rank + 2)
    throw site.bad(`weights of rank ${w.type.shape.length} over a rank ${rank + 2} tensor`);
  const groups = site.attributes.int('group', 1);
  if (groups < 1 || groups > w.type.shape[0]!) throw site.bad(`group ${groups}`);
  const spreads = spreadsOf(site, x.type.shape.slice(2), w.type.shape.slice(2));
  const outputs = w.type.shape[1]! * groups;
  const bias = site.optional(2) ?? site.zeros(outputs);
  return spread(site, { x, w, bias, groups }, spreads);
}

/** What is cropped at both ends follows from the wanted shape, or the other way round. */
function spreadsOf(site: Site, spatial: readonly number[], kernels: readonly number[]): Spread[] {
  const rank = spatial.length;
  const strides = perAxis(site, 'strides', rank, 1);
  const dilations = perAxis(site, 'dilations', rank, 1);
  const extras = perAxis(site, 'output_padding', rank, 0, 0);
  const pads = perAxis(site, 'pads', 2 * rank, 0, 0);
  const auto = site.attributes.string('auto_pad', 'NOTSET');
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  if (!same && auto !== 'NOTSET' && auto !== 'VALID') throw site.bad(`auto_pad ${auto}`);
  const wanted = site.attributes.ints('output_shape')?.slice(-rank);
  if (wanted !== undefined && wanted.length !== rank)
    throw site.bad(`output_shape [${wanted.join(', ')}] for ${rank} axes`);
  return spatial.map((input, axis): Spread => {
    const [kernel, stride, dilation] = [kernels[axis]!, strides[axis]!, dilations[axis]!];
    const window = { kernel, stride, dilation, input, beyond: 0 };
    const extra = extras[axis]!;
    const full = (input - 1) * stride + reach(window) + extra;
    const goal = wanted?.[axis] ?? (same ? input * stride : undefined);
    if (goal === undefined) {
      const [before, after] = auto === 'VALID' ? [0, 0] : [pads[axis]!, pads[axis + rank]!];
      return checked(site, { ...window, before, after, extra, output: full - before - after });
    }
    const total = Math.max(0, full - goal);
    const less = Math.floor(total / 2);
    const before = auto === 'SAME_UPPER' ? less : total - less;
    const missing = Math.max(0, goal - full);
    return checked(site, {
      ...window,
      before,
      after: total - before,
      extra: extra + missing,
      output: goal,
    });
  });
}

function checked(site: Site, window: Spread): Spread {
  if (window.output < 0 || window.output > maxElements)
    throw site.bad(`the result would have ${window.output} elements along an axis`);
  return window;
}

/** Operands: x `[N, C, …]`, w `[C, O/groups, …]`, bias `[O]`. */
interface Transposed {
  readonly x: Node;
  readonly w: Node;
  readonly bias: Node;
  readonly groups: number;
}

/** Peels the first axis off until two are left: each tap along it lands in places of its own. */
function spread(site: Site, given: Transposed, windows: readonly Spread[]): Node {
  const { b } = site;
  const { x, w, bias, groups } = given;
  const [first, second, ...others] = windows;
  const { shape } = x.type;
  if (second === undefined) {
    const flat = (node: Node) => reshaped(b, node, node.type.shape.toSpliced(2, 0, 1));
    const line = { ...still(1), extra: 0 };
    const result = spread(site, { ...given, x: flat(x), w: flat(w) }, [line, first!]);
    return reshaped(b, result, result.type.shape.toSpliced(2, 1));
  }
  if (others.length === 0)
    return b.convTranspose(x, w, bias, {
      stride: [first!.stride, second.stride],
      dilation: [first!.dilation, second.dilation],
      pads: [first!.before, second.before, first!.after, second.after],
      outputPadding: [first!.extra, second.extra],
      groups,
    });
  const { kernel, stride, dilation, before, input, output, extra } = first!;
  const rows = swapped(b, x, 1);
  const image = reshaped(b, rows, [shape[0]! * input, shape[1]!, ...shape.slice(3)]);
  let sum: Node | undefined;
  for (let tap = 0; tap < kernel; tap++) {
    const weights = b.reshape(sliceAxis(site, w, 2, tap, 1), {
      shape: w.type.shape.toSpliced(2, 1),
    });
    const none = site.zeros(w.type.shape[1]! * groups);
    const part = spread(site, { x: image, w: weights, bias: none, groups }, windows.slice(1));
    const placed = place(site, part, { batch: shape[0]!, input, stride });
    // `placed` starts where its first row lands; the result is cut out of rows of the full extent.
    const full = (input - 1) * stride + reach(first!) + extra;
    const end = full - tap * dilation - placed.type.shape[1]!;
    const whole = padAxis(site, placed, 1, tap * dilation, end);
    sum = sum === undefined ? whole : b.scalar('add', sum, whole);
  }
  if (sum === undefined) throw site.bad('the kernel is empty');
  const cut = swapped(b, sliceAxis(site, sum, 1, before, output), 1);
  const perChannel = [bias.type.shape[0]!, ...new Array<number>(windows.length).fill(1)];
  return b.scalar('add', cut, reshaped(b, bias, perChannel));
}

/** Rows `[N·D, O, …]` as `[N, (D − 1)·stride + 1, O, …]`, with zeros between them. */
function place(
  site: Site,
  rows: Node,
  {
    batch,
    input,
    stride,
  }: { readonly batch: number; readonly input: number; readonly stride: number },
): Node {
  const { b } = site;
  const inner = rows.type.shape.slice(1);
  if (stride === 1) return reshaped(b, rows, [batch, input, ...inner]);
  const apart = padAxis(site, reshaped(b, rows, [batch, input, 1, ...inner]), 2, 0, stride - 1);
  const joined = reshaped(b, apart, [batch, input * stride, ...inner]);
  return sliceAxis(site, joined, 1, 0, Math.max(0, (input - 1) * stride + 1));
}

function padAxis({ b }: Site, x: Node, axis: number, before: number, after: number): Node {
  if (before === 0 && after === 0) return x;
  const at = (size: number) => x.type.shape.map((_, i) => (i === axis ? size : 0));
  return b.pad(x, { before: at(before), after: at(after), value: 0 });
}

/** Transposed convolution, by ONNX name. */
export const convTransposes: Importers = { ConvTranspose: { import: convTranspose } };
