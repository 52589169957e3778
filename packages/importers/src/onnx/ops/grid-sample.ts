// Reads an image at any points: the taps around each point are gathered one by one, and weighed.

import {
  arg,
  call,
  elementCount,
  literal,
  type Node,
  parseScalar,
  rowMajorStrides,
  type Scalar,
} from '@espalier/ir';
import type { Importers, Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

type Padding = 'zeros' | 'border' | 'reflection';

/** How points of one axis are read. */
interface Axis {
  readonly size: number;
  readonly align: boolean;
  readonly padding: Padding;
}

/** One tap of each point along one axis: index and weight, both `[N, P]`. */
interface Tap {
  readonly index: Node;
  readonly weight: Node | undefined;
}

const number = (value: number) => literal(value);

/** What a coordinate runs over before it counts as outside. */
const bounds = ({ size, align }: Axis): readonly [number, number] =>
  align ? [0, size - 1] : [-0.5, size - 0.5];

/** Mirrors a coordinate at both bounds, as often as it takes. */
function reflected(x: Scalar, axis: Axis): Scalar {
  const [low, high] = bounds(axis);
  const range = high - low;
  if (range <= 0) return number(low);
  const distance = call('abs', call('sub', x, number(low)));
  const rest = call('mod', distance, number(2 * range));
  const folded = call('min', rest, call('sub', number(2 * range), rest));
  return call('add', folded, number(low));
}

const clamped = (x: Scalar, { size }: Axis): Scalar =>
  call('min', call('max', x, number(0)), number(size - 1));

/** Normalised coordinates as pixels: −1 and 1 are the outer pixels' centres or their outer edges. */
function pixels({ size, align }: Axis): Scalar {
  const scale = align ? (size - 1) / 2 : size / 2;
  return call('add', call('mul', arg(0), number(scale)), number((size - 1) / 2));
}

/** A tap's index and weight; outside, the weight is 0 or the index comes back into the image. */
function tapOf({ b }: Site, at: Node, weight: Node | undefined, axis: Axis): Tap {
  const index = b.map([at], {
    expr: call(
      'toI32',
      clamped(axis.padding === 'reflection' ? reflected(arg(0), axis) : arg(0), axis),
    ),
  });
  if (axis.padding !== 'zeros') return { index, weight };
  const within = call(
    'and',
    call('ge', arg(0), number(0)),
    call('le', arg(0), number(axis.size - 1)),
  );
  const factor = weight === undefined ? number(1) : arg(1);
  const operands = weight === undefined ? [at] : [at, weight];
  return { index, weight: b.map(operands, { expr: call('select', within, factor, number(0)) }) };
}

/** Weights of the cubic convolution with a = −0.75 [Keys 1981], by the distance from the point. */
const cubic = {
  near: parseScalar('(1.25 * a0 - 2.25) * a0 * a0 + 1'),
  far: parseScalar('((-0.75 * a0 + 3.75) * a0 - 6) * a0 + 3'),
} as const;

/** The taps of every point along one axis. */
function tapsOf(site: Site, grid: Node, mode: string, axis: Axis): Tap[] {
  const { b } = site;
  const raw = pixels(axis);
  if (mode === 'nearest') {
    const at = b.map([grid], { expr: call('round', raw) });
    return [tapOf(site, b.scalar('round', at), undefined, axis)];
  }
  const x = b.map([grid], { expr: raw });
  const first = b.scalar('floor', x);
  const part = b.scalar('sub', x, first);
  const shifted = (by: number) =>
    by === 0 ? first : b.map([first], { expr: call('add', arg(0), number(by)) });
  if (mode === 'linear')
    return [
      tapOf(site, first, b.map([part], { expr: parseScalar('1 - a0') }), axis),
      tapOf(site, shifted(1), part, axis),
    ];
  return [-1, 0, 1, 2].map((by) => {
    const distance = b.map([part], { expr: call('abs', call('sub', arg(0), number(by))) });
    const expr = cubic[by === 0 || by === 1 ? 'near' : 'far'];
    return tapOf(site, shifted(by), b.map([distance], { expr }), axis);
  });
}

/** Every choice of one tap an axis. */
const choices = (taps: readonly (readonly Tap[])[]): readonly (readonly Tap[])[] =>
  taps.reduce<readonly (readonly Tap[])[]>(
    (all, own) => all.flatMap((chosen) => own.map((tap) => [...chosen, tap])),
    [[]],
  );

const modes: Readonly<Record<string, string>> = {
  nearest: 'nearest',
  linear: 'linear',
  bilinear: 'linear',
  cubic: 'cubic',
  bicubic: 'cubic',
};

/** x `[N, C, …]` at points `[N, P…, axes]`, the last axis' coordinate first, to `[N, C, P…]`. */
function gridSample(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const grid = site.input(1);
  const { shape } = x.type;
  const spatial = shape.slice(2);
  const [n, c] = shape as [number, number];
  const points = grid.type.shape.slice(1, -1);
  const count = elementCount(points);
  if (spatial.length < 1 || grid.type.shape.at(-1) !== spatial.length || grid.type.shape[0] !== n)
    throw site.bad(`a grid [${grid.type.shape}] over [${shape}]`);
  if (elementCount(spatial) === 0) throw site.bad('samples an empty image');
  const name = attributes.string('mode', site.opset < 20 ? 'bilinear' : 'linear');
  const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
  const padding = attributes.string('padding_mode', 'zeros');
  if (mode === undefined) throw site.bad(`mode ${name}`);
  if (padding !== 'zeros' && padding !== 'border' && padding !== 'reflection')
    throw site.bad(`padding_mode ${padding}`);
  const align = attributes.int('align_corners', 0) !== 0;
  const flat = b.reshape(grid, { shape: [n, count, spatial.length] });
  const taps = spatial.map((size, axis) => {
    const column = sliceAxis(site, flat, 2, spatial.length - 1 - axis, 1);
    const axisOf = { size, align, padding } as const;
    return tapsOf(site, b.reshape(column, { shape: [n, count] }), mode, axisOf);
  });
  return sampled(site, x, choices(taps), points, c);
}

/** The weighed sum of all taps of every point; each tap is one row of a table `[N · pixels, C]`. */
function sampled(
  { b }: Site,
  x: Node,
  taps: readonly (readonly Tap[])[],
  points: readonly number[],
  channels: number,
): Node {
  const [n] = x.type.shape as [number];
  const spatial = x.type.shape.slice(2);
  const size = elementCount(spatial);
  const count = elementCount(points);
  const strides = rowMajorStrides(spatial);
  const rows = b.transpose(b.reshape(x, { shape: [n, channels, size] }), { perm: [0, 2, 1] });
  const table = b.reshape(rows, { shape: [n * size, channels] });
  const firsts = Int32Array.from({ length: n }, (_, i) => i * size);
  const starts = b.constant({ type: { dtype: 'i32', shape: [n, 1] }, data: firsts });
  const terms = taps.map((chosen) => {
    const places = chosen.map(({ index }, axis) =>
      b.scalar('mul', index, b.value(strides[axis]!, 'i32')),
    );
    const place = places.reduce((sum, own) => b.scalar('add', sum, own), starts);
    const weights = chosen.flatMap(({ weight }) => weight ?? []);
    const [first, ...others] = weights;
    const values = b.gather(table, place, { axis: 0 });
    if (first === undefined) return values;
    const weight = others.reduce((product, own) => b.scalar('mul', product, own), first);
    return b.scalar('mul', values, b.reshape(weight, { shape: [n, count, 1] }));
  });
  const sum = terms.reduce((total, term) => b.scalar('add', total, term));
  const planes = b.transpose(sum, { perm: [0, 2, 1] });
  return b.reshape(planes, { shape: [n, channels, ...points] });
}

/** Normalised coordinates of the pixels of an image, moved by matrices `[N, axes, axes + 1]`. */
function affineGrid(site: Site): Node {
  const { b } = site;
  const theta = site.input(0);
  const [n, , ...spatial] = site.requiredInts(1);
  const axes = spatial.length;
  const count = site.claim(elementCount(spatial) * (axes + 1), 'a grid');
  if (theta.type.shape.join() !== [n, axes, axes + 1].join())
    throw site.bad(`matrices [${theta.type.shape}] for ${axes} axes`);
  const align = site.attributes.int('align_corners', 0) !== 0;
  const strides = rowMajorStrides(spatial);
  const data = new Float32Array(count);
  for (let p = 0; p < count / (axes + 1); p++)
    for (let k = 0; k <= axes; k++) {
      const axis = axes - 1 - k; // the last axis comes first
      const size = spatial[axis] ?? 1;
      const at = axis < 0 ? 0 : Math.floor(p / strides[axis]!) % size;
      const edges = align ? (size > 1 ? (2 * at) / (size - 1) - 1 : 0) : (2 * at + 1) / size - 1;
      data[p * (axes + 1) + k] = axis < 0 ? 1 : edges;
    }
  const shape = [count / (axes + 1), axes + 1];
  const points = b.constant({ type: { dtype: 'f32', shape }, data });
  const moved = b.matmul(points, b.transpose(theta, { perm: [0, 2, 1] }));
  return b.reshape(moved, { shape: [n!, ...spatial, axes] });
}

/** Sampling at any points, by ONNX name. */
export const sampling: Importers = {
  AffineGrid: { import: affineGrid },
  GridSample: { import: gridSample },
};
