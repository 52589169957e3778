// Operators that move elements, and leave their values as they are.

import { elementCount, type Node } from '@espalier/ir';
import { borrow } from '../borrow.ts';
import { closeShape, integers, type Room, resolveAxes, resolveAxis, sliceAxis } from '../room.ts';
import { matched } from './elementwise.ts';
import type { Operator, Operators, Site } from './operator.ts';

function reshape(site: Site): Node {
  const x = site.input(0);
  const shape = closeShape(site, site.numbers(1), elementCount(x.type.shape));
  return site.b.reshape(x, { shape });
}

function squeeze(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const given = site.attributes.ints('squeeze_dims') ?? site.attributes.ints('axis') ?? [];
  const axes = new Set(resolveAxes(site, given, shape.length));
  if ([...axes].some((axis) => shape[axis] !== 1))
    throw site.bad(`squeezes axes [${given.join(', ')}] of [${shape.join(', ')}]`);
  const kept = shape.filter((extent, axis) => (axes.size > 0 ? !axes.has(axis) : extent !== 1));
  return site.b.reshape(x, { shape: kept });
}

function expandDims(site: Site): Node {
  const x = site.input(0);
  const [given] = site.numbers(1);
  const axis = resolveAxis(site, given ?? 0, x.type.shape.length + 1);
  return site.b.reshape(x, { shape: x.type.shape.toSpliced(axis, 0, 1) });
}

function transpose(site: Site): Node {
  const x = site.input(0);
  const rank = x.type.shape.length;
  const perm = site.numbers(1).map((axis) => resolveAxis(site, axis, rank));
  if (new Set(perm).size !== rank || perm.length !== rank)
    throw site.bad(`a permutation [${perm.join(', ')}] of ${rank} axes`);
  return site.b.transpose(x, { perm });
}

function pack(site: Site): Node {
  const parts = matched(site, site.inputs);
  const rank = (parts[0]?.type.shape.length ?? 0) + 1;
  const axis = resolveAxis(site, site.attributes.int('axis', 0), rank);
  const flat = parts.map((part) =>
    site.b.reshape(part, { shape: part.type.shape.toSpliced(axis, 0, 1) }),
  );
  return site.b.concat(flat, { axis });
}

function unpack(site: Site): Node[] {
  const x = site.input(0);
  const { shape } = x.type;
  const axis = resolveAxis(site, site.attributes.int('axis', 0), shape.length);
  return Array.from({ length: site.claim(shape[axis]!, 'a list of results') }, (_, i) =>
    site.b.reshape(sliceAxis(site, x, axis, i, 1), { shape: shape.toSpliced(axis, 1) }),
  );
}

function slice(site: Site): Node {
  const x = site.input(0);
  const [starts, wanted] = [site.numbers(1), site.numbers(2)];
  const { shape } = x.type;
  if (starts.length !== shape.length || wanted.length !== shape.length)
    throw site.bad(`a slice of ${starts.length} axes of a rank ${shape.length} tensor`);
  const sizes = wanted.map((size, axis) => (size < 0 ? shape[axis]! - starts[axis]! : size));
  return site.b.slice(x, { starts, sizes, steps: shape.map(() => 1) });
}

/** numpy's slicing; masks say which bounds are left out, which axes are new and which vanish. */
function stridedSlice(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const [begin, end, strides] = [site.numbers(1), site.numbers(2), site.numbers(3)];
  const mask = (name: string) => attributes.int(`${name}_mask`, 0);
  const [begins, ends] = [mask('begin'), mask('end')];
  const [ellipsis, fresh, shrinks] = [mask('ellipsis'), mask('new_axis'), mask('shrink_axis')];
  if (begin.length !== end.length || end.length !== strides.length || begin.length > 31)
    throw site.bad('begin, end and strides have different lengths');
  const has = (bits: number, i: number) => ((bits >> i) & 1) === 1;
  const { shape } = x.type;
  const named = begin.filter((_, i) => !has(fresh, i) && !has(ellipsis, i)).length;
  const starts: number[] = [];
  const sizes: number[] = [];
  const steps: number[] = [];
  const result: number[] = [];
  const whole = () => {
    const extent = shape[starts.length];
    if (extent === undefined) throw site.bad(`slices ${named} axes of [${shape.join(', ')}]`);
    starts.push(0);
    steps.push(1);
    sizes.push(extent);
    result.push(extent);
  };
  begin.forEach((from, i) => {
    if (has(ellipsis, i)) {
      for (let rest = shape.length - named; rest > 0; rest--) whole();
      return;
    }
    if (has(fresh, i)) {
      result.push(1);
      return;
    }
    const extent = shape[starts.length];
    const step = strides[i]!;
    if (extent === undefined || step === 0)
      throw site.bad(`slices ${named} axes of [${shape.join(', ')}] by ${step}`);
    const inside = (value: number, low: number, high: number) =>
      Math.min(high, Math.max(low, value < 0 ? value + extent : value));
    if (has(shrinks, i)) {
      const at = from < 0 ? from + extent : from;
      if (at < 0 || at >= extent) throw site.bad(`element ${from} of an axis of ${extent}`);
      starts.push(at);
      sizes.push(1);
      steps.push(1);
      return;
    }
    const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
    const start = has(begins, i) ? (step > 0 ? low : high) : inside(from, low, high);
    const stop = has(ends, i) ? (step > 0 ? high : low) : inside(end[i]!, low, high);
    const size = Math.max(0, Math.ceil((stop - start) / step));
    starts.push(size === 0 ? 0 : start);
    sizes.push(size);
    steps.push(step);
    result.push(size);
  });
  while (starts.length < shape.length) whole();
  return b.reshape(b.slice(x, { starts, sizes, steps }), { shape: result });
}

function cut(site: Site, x: Node, axis: number, sizes: readonly number[]): Node[] {
  let start = 0;
  return sizes.map((size) => {
    const part = sliceAxis(site, x, axis, start, size);
    start += size;
    return part;
  });
}

function split(site: Site): Node[] {
  const x = site.input(1);
  const { shape } = x.type;
  const axis = resolveAxis(site, site.numbers(0)[0] ?? 0, shape.length);
  const count = site.attributes.int('num_split', 1);
  const size = shape[axis]! / count;
  if (count < 1 || !Number.isInteger(size)) throw site.bad(`${shape[axis]} in ${count} parts`);
  return cut(site, x, axis, new Array<number>(site.claim(count, 'a list of results')).fill(size));
}

function splitBySizes(site: Site): Node[] {
  const x = site.input(0);
  const { shape } = x.type;
  const axis = resolveAxis(site, site.numbers(2)[0] ?? 0, shape.length);
  return cut(site, x, axis, closeShapeOf(site, site.numbers(1), shape[axis]!));
}

/** Sizes of parts, of which one may be left out as −1. */
function closeShapeOf(site: Site, sizes: readonly number[], extent: number): number[] {
  const rest = extent - sizes.reduce((sum, size) => sum + Math.max(0, size), 0);
  const open = sizes.filter((size) => size < 0).length;
  if (open > 1 || rest < 0 || (open === 0 && rest !== 0))
    throw site.bad(`${extent} in parts of [${sizes.join(', ')}]`);
  return sizes.map((size) => (size < 0 ? rest : size));
}

/** Joins all operands that are no axis; empty ones have no part in it. */
const concat =
  (axisFirst: boolean): Operator =>
  (site) => {
    const at = axisFirst ? 0 : site.inputs.length - 1;
    const parts = matched(
      site,
      site.inputs.filter((_, i) => i !== at),
    );
    const rank = parts[0]?.type.shape.length ?? 0;
    const axis = resolveAxis(site, site.numbers(at)[0] ?? 0, rank);
    const full = parts.filter(({ type }) => type.shape[axis] !== 0);
    const list = full.length > 0 ? full : parts.slice(0, 1);
    return list.length === 1 ? list[0]! : site.b.concat(list, { axis });
  };

/** Elements of `value` before and after along each axis. */
export function padded(
  room: Room,
  x: Node,
  around: readonly (readonly [number, number])[],
  value: number,
): Node {
  if (around.length !== x.type.shape.length)
    throw room.bad(`pads ${around.length} axes of a rank ${x.type.shape.length} tensor`);
  if (around.flat().some((n) => n < 0)) throw room.bad('pads by less than nothing');
  if (around.flat().every((n) => n === 0)) return x;
  return room.b.pad(x, {
    before: around.map(([before]) => before),
    after: around.map(([, after]) => after),
    value,
  });
}

const pairsOf = (list: readonly number[]) =>
  Array.from({ length: Math.floor(list.length / 2) }, (_, i): readonly [number, number] => [
    list[2 * i]!,
    list[2 * i + 1]!,
  ]);

/** Repeats what is inside the border: with the border itself, or without. */
function mirrorPad(site: Site): Node {
  const mode = site.attributes.text('mode', 'REFLECT');
  if (mode !== 'REFLECT' && mode !== 'SYMMETRIC') throw site.bad(`mode ${mode}`);
  return pairsOf(site.numbers(1)).reduce((node, [before, after], axis) => {
    if (before === 0 && after === 0) return node;
    const extent = node.type.shape[axis] ?? 0;
    const most = mode === 'REFLECT' ? extent - 1 : extent;
    if (before < 0 || after < 0 || before > most || after > most)
      throw site.bad(`mirrors ${before} and ${after} of ${extent} elements`);
    const edge = mode === 'REFLECT' ? 0 : 1;
    const at = (i: number) => (i < 0 ? -i - edge : i < extent ? i : 2 * (extent - 1) - i + edge);
    const length = site.claim(before + extent + after, 'a padded axis');
    const indices = Array.from({ length }, (_, i) => at(i - before));
    return site.b.gather(node, integers(site, indices), { axis });
  }, site.input(0));
}

function reverse(site: Site): Node {
  const x = site.input(0);
  const { shape } = x.type;
  const given = site.numbers(1);
  const listed = site.input(1).type.dtype === 'bool';
  const list = listed ? given.flatMap((on, axis) => (on ? [axis] : [])) : given;
  const axes = new Set(resolveAxes(site, list, shape.length));
  return site.b.slice(x, {
    starts: shape.map((extent, axis) => (axes.has(axis) ? Math.max(0, extent - 1) : 0)),
    sizes: shape,
    steps: shape.map((_, axis) => (axes.has(axis) ? -1 : 1)),
  });
}

/** Operators that move elements, by name. */
export const movers: Operators = {
  BroadcastTo: (site) => site.b.expand(site.input(0), { shape: site.numbers(1) }),
  Concat: concat(true),
  ConcatV2: concat(false),
  ExpandDims: expandDims,
  MirrorPad: mirrorPad,
  Pack: pack,
  Pad: (site) => padded(site, site.input(0), pairsOf(site.numbers(1)), 0),
  PadV2: (site) => padded(site, site.input(0), pairsOf(site.numbers(1)), site.numbers(2)[0] ?? 0),
  Reshape: reshape,
  Reverse: reverse,
  ReverseV2: reverse,
  Slice: slice,
  Split: split,
  SplitV: splitBySizes,
  Squeeze: squeeze,
  StridedSlice: stridedSlice,
  Tile: (site) => borrow(site, 'Tile', [site.input(0), site.input(1)]),
  Transpose: transpose,
  Unpack: unpack,
};
