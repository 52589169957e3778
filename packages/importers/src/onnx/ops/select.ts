// Operators that take, join and surround parts of tensors.

import { arg, call, type EspalierError, literal, type Node, type Tensor } from '@espalier/ir';
import { attributeOrInput, type Importers, resolveAxis, type Site } from '../importer.ts';

function slice(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const old = site.opset < 10;
  const starts = attributeOrInput(site, 'starts', 1, 10);
  const ends = attributeOrInput(site, 'ends', 2, 10);
  if (starts === undefined || ends === undefined) throw site.bad('Slice without starts or ends');
  const axes = attributeOrInput(site, 'axes', 3, 10) ?? starts.map((_, axis) => axis);
  const strides = (old ? undefined : site.ints(4)) ?? starts.map(() => 1);
  if ([ends, axes, strides].some(({ length }) => length !== starts.length))
    throw site.bad('starts, ends, axes and steps of Slice differ in length');
  const part = {
    starts: shape.map(() => 0),
    sizes: [...shape],
    steps: shape.map(() => 1),
  };
  const seen = new Set<number>();
  axes.forEach((given, i) => {
    const axis = resolveAxis(site, given, shape.length);
    if (seen.has(axis)) throw site.bad(`axis ${axis} is sliced twice`);
    seen.add(axis);
    const step = strides[i]!;
    if (step === 0) throw site.bad('Slice has a step of 0');
    const taken = rangeOf(shape[axis]!, starts[i]!, ends[i]!, step);
    part.starts[axis] = taken.start;
    part.sizes[axis] = taken.size;
    // Of one element any step is the same, and an absurd one would overflow.
    part.steps[axis] = taken.size > 1 ? step : 1;
  });
  return site.b.slice(x, part);
}

/** Python's slice of `extent` elements: bounds from the end where negative, then clamped. */
function rangeOf(extent: number, start: number, end: number, step: number) {
  const clamp = (at: number, low: number, high: number) =>
    Math.max(low, Math.min(high, at < 0 ? at + extent : at));
  const from = step > 0 ? clamp(start, 0, extent) : clamp(start, 0, extent - 1);
  const to = step > 0 ? clamp(end, 0, extent) : clamp(end, -1, extent - 1);
  const size = extent === 0 ? 0 : Math.max(0, Math.ceil((to - from) / step));
  return { start: size === 0 ? 0 : from, size };
}

/** Part `[start, start + size)` of one axis. */
export function sliceAxis(
  { b }: Pick<Site, 'b'>,
  x: Node,
  axis: number,
  start: number,
  size: number,
  step = 1,
): Node {
  const { shape } = x.type;
  if (start === 0 && size === shape[axis] && step === 1) return x;
  const at = <T>(value: T, other: (dim: number) => T) =>
    shape.map((dim, i) => (i === axis ? value : other(dim)));
  return b.slice(x, {
    starts: at(start, () => 0),
    sizes: at(size, (dim) => dim),
    steps: at(step, () => 1),
  });
}

function split(site: Site): Node[] {
  const x = site.input(0);
  const axis = resolveAxis(site, site.attributes.int('axis', 0), x.type.shape.length);
  const extent = x.type.shape[axis]!;
  const parts =
    site.opset >= 18 ? site.attributes.int('num_outputs', site.outputCount) : site.outputCount;
  const given = attributeOrInput(site, 'split', 1, 13);
  if (given === undefined && parts !== site.outputCount)
    throw site.bad(`Split into ${parts} parts has ${site.outputCount} outputs`);
  // Equal parts, of which the last may be smaller.
  const size = Math.ceil(extent / parts);
  const equal = () =>
    Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(size, extent - i * size)));
  const sizes = given ?? equal();
  if (sizes.length !== site.outputCount || sizes.some((part) => part < 0))
    throw site.bad(`Split into [${sizes.join(', ')}] has ${site.outputCount} outputs`);
  if (sizes.reduce((sum, part) => sum + part, 0) !== extent)
    throw site.bad(`parts [${sizes.join(', ')}] do not add up to ${extent}`);
  let start = 0;
  return sizes.map((part) => {
    start += part;
    return sliceAxis(site, x, axis, start - part, part);
  });
}

function concat(site: Site): Node {
  const inputs = site.inputs();
  const first = inputs[0];
  if (first === undefined) throw site.bad('Concat of nothing');
  const axis = resolveAxis(site, site.attributes.int('axis'), first.type.shape.length);
  return inputs.length === 1 ? first : site.b.concat(inputs, { axis });
}

function gather(site: Site): Node {
  const x = site.input(0);
  const indices = site.input(1);
  const axis = resolveAxis(site, site.attributes.int('axis', 0), x.type.shape.length);
  const extent = x.type.shape[axis]!;
  const known = site.known(indices);
  if (known === undefined) return site.b.gather(x, fromStart(site, indices, extent), { axis });
  const resolved = resolveIndices(known, extent, (index) =>
    site.bad(`index ${index} of an axis of ${extent}`),
  );
  const run = progression(resolved.data);
  // Channel shuffles: a slice is only a view, where a gather is a loop.
  if (run !== undefined) {
    const part = sliceAxis(site, x, axis, run.start, resolved.data.length, run.step);
    const shape = x.type.shape.toSpliced(axis, 1, ...indices.type.shape);
    return site.b.reshape(part, { shape });
  }
  return site.b.gather(x, site.b.constant(resolved), { axis });
}

/** Indices counted from the end become such from the start. */
export function fromStart({ b }: Pick<Site, 'b'>, indices: Node, extent: number): Node {
  const zero = literal(0, 'i32');
  const wrapped = call('add', arg(0), literal(extent, 'i32'));
  return b.map([indices], {
    expr: call('select', call('lt', arg(0), zero), wrapped, arg(0)),
  });
}

function resolveIndices(
  { type, data }: Tensor,
  extent: number,
  outOfRange: (index: number) => EspalierError,
): Tensor {
  const resolved = Int32Array.from(data, (index) => {
    const from = index < 0 ? index + extent : index;
    if (from < 0 || from >= extent) throw outOfRange(index);
    return from;
  });
  return { type, data: resolved };
}

/** Start and step of evenly spaced indices, of which there is at least one. */
function progression(indices: ArrayLike<number>) {
  if (indices.length === 0) return undefined;
  const start = indices[0]!;
  const step = indices.length === 1 ? 1 : indices[1]! - start;
  for (let i = 1; i < indices.length; i++) if (indices[i] !== start + i * step) return undefined;
  return step === 0 ? undefined : { start, step };
}

/** Operators on parts of tensors, by ONNX name. */
export const selection: Importers = {
  Concat: { moves: true, import: concat },
  Gather: { moves: true, import: gather },
  Slice: { moves: true, import: slice },
  Split: { moves: true, import: split },
};
