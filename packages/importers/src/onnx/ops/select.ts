// Operators that take, join and surround parts of tensors.

import {
  arg,
  call,
  type EspalierError,
  elementCount,
  literal,
  type Node,
  type Shape,
  type Tensor,
} from '@espalier/ir';
import {
  attributeOrInput,
  checkLength,
  type Importers,
  resolveAxis,
  type Site,
} from '../importer.ts';
import { checkDims } from '../tensors.ts';

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

/** What surrounds a tensor: pads at the start and the end of each axis, negative ones crop. */
function padsOf(site: Site, shape: Shape): readonly (readonly [number, number])[] {
  const pads = attributeOrInput(site, 'pads', 1, 11);
  if (pads === undefined) throw site.bad('Pad without pads');
  const axes = (site.opset >= 18 ? site.ints(3) : undefined) ?? shape.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length)
    throw site.bad(`${pads.length} pads for ${axes.length} axes`);
  const around = shape.map((): readonly [number, number] => [0, 0]);
  axes.forEach((given, i) => {
    around[resolveAxis(site, given, shape.length)] = [pads[i]!, pads[i + axes.length]!];
  });
  const padded = shape.map((dim, axis) => dim + around[axis]![0] + around[axis]![1]);
  checkDims(padded.map(BigInt), 'the padded tensor', site.at);
  shape.forEach((dim, axis) => {
    const [before, after] = around[axis]!;
    if (Math.max(0, -before) + Math.max(0, -after) > dim)
      throw site.bad(`pads ${before} and ${after} crop more than axis ${axis} has`);
  });
  return around;
}

/** Index of the element that position `i` before or after an axis of `extent` repeats. */
const mirrors = {
  edge: (i: number, extent: number) => Math.max(0, Math.min(extent - 1, i)),
  wrap: (i: number, extent: number) => ((i % extent) + extent) % extent,
  reflect: (i: number, extent: number) => {
    const period = Math.max(1, 2 * (extent - 1));
    const within = ((i % period) + period) % period;
    return within < extent ? within : period - within;
  },
} as const;

function pad(site: Site): Node {
  const x = site.input(0);
  const around = padsOf(site, x.type.shape);
  const mode = site.attributes.string('mode', 'constant');
  const cropped = around.reduce((node, [before, after], axis) => {
    const start = Math.max(0, -before);
    const size = node.type.shape[axis]! - start - Math.max(0, -after);
    return sliceAxis(site, node, axis, start, size);
  }, x);
  const wanted = around.map((pair) => pair.map((n) => Math.max(0, n)) as [number, number]);
  if (mode === 'constant') return padWith(site, cropped, wanted);
  if (mode !== 'edge' && mode !== 'wrap' && mode !== 'reflect') throw site.bad(`Pad mode ${mode}`);
  return wanted.reduce((node, [before, after], axis) => {
    if (before + after === 0) return node;
    const extent = node.type.shape[axis]!;
    if (extent === 0) throw site.bad(`axis ${axis} is empty: there is nothing to repeat`);
    const length = checkLength(site, before + extent + after, `padded axis ${axis}`);
    const indices = Int32Array.from({ length }, (_, i) => mirrors[mode](i - before, extent));
    const type = { dtype: 'i32', shape: [indices.length] } as const;
    return site.b.gather(node, site.b.constant({ type, data: indices }), { axis });
  }, cropped);
}

function padWith(site: Site, x: Node, around: readonly (readonly [number, number])[]): Node {
  if (around.every(([before, after]) => before + after === 0)) return x;
  const given = site.opset >= 11 ? site.optional(2) : undefined;
  const known = given === undefined ? undefined : site.known(given);
  if (given === undefined || known !== undefined) {
    const value = site.opset < 11 ? site.attributes.float('value', 0) : (known?.data[0] ?? 0);
    const before = around.map(([start]) => start);
    return site.b.pad(x, { before, after: around.map(([, end]) => end), value });
  }
  // The value is known only at run time: it is joined on, axis by axis.
  return around.reduce((node, sizes, axis) => {
    const [before, after] = sizes.map((size) =>
      site.b.expand(site.b.reshape(given, { shape: [] }), {
        shape: node.type.shape.toSpliced(axis, 1, size),
      }),
    );
    const parts = [before!, node, after!].filter(({ type }) => elementCount(type.shape) > 0);
    return parts.length > 1 ? site.b.concat(parts, { axis }) : node;
  }, x);
}

/** Operators on parts of tensors, by ONNX name. */
export const selection: Importers = {
  Concat: { moves: true, import: concat },
  Gather: { moves: true, import: gather },
  Pad: { import: pad },
  Slice: { moves: true, import: slice },
  Split: { moves: true, import: split },
};
