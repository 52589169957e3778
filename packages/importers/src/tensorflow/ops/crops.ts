// Images read at places between pixels: crops of boxes, and projections.

import { type Node, parseScalar } from '@espalier/ir';
import type { Room } from '../room.ts';
import { cast } from './elementwise.ts';
import type { Operators, Site } from './operator.ts';

/** Where an image is read, f32 `[N, rows, columns]` each, or broadcast to it. */
interface Places {
  /** i32 `[N, 1, 1]`: which image of the batch. */
  readonly image: Node;
  readonly y: Node;
  readonly x: Node;
}

const inside = parseScalar('and(and(ge(a0, 0), le(a0, a2)), and(ge(a1, 0), le(a1, a3)))');
const within = parseScalar('min(max(a0, 0), a1)');
const nearest = parseScalar('floor(a0 + 0.5)');
const blend = parseScalar('a0 + (a1 - a0) * a2');

/** Pixels `[N, rows, columns, C]` of images `[B, H, W, C]` at whole places; `outside` beyond the border. */
function pixels({ b }: Room, images: Node, { image, y, x }: Places, outside: number): Node {
  const [, h, w] = images.type.shape as readonly [number, number, number, number];
  const shape = b.scalar('add', y, x).type.shape;
  const ends = [b.value(h - 1), b.value(w - 1)] as const;
  const clamped = (at: Node, end: Node) => b.scalar('toI32', b.map([at, end], { expr: within }));
  const indices = [image, clamped(y, ends[0]), clamped(x, ends[1])].map((at) =>
    b.reshape(b.expand(at, { shape }), { shape: [...shape, 1] }),
  );
  const found = b.gatherNd(images, b.concat(indices, { axis: 3 }), { batchDims: 0 });
  const is = b.reshape(b.expand(b.map([y, x, ...ends], { expr: inside }), { shape }), {
    shape: [...shape, 1],
  });
  return b.scalar('select', is, found, b.value(outside));
}

/** Between four pixels, each of which may lie outside. */
function between(room: Room, images: Node, { image, y, x }: Places, outside: number): Node {
  const { b } = room;
  const [top, left] = [b.scalar('floor', y), b.scalar('floor', x)];
  const one = b.value(1);
  const [bottom, right] = [b.scalar('add', top, one), b.scalar('add', left, one)];
  const at = (y: Node, x: Node) => pixels(room, images, { image, y, x }, outside);
  const shape = b.scalar('add', y, x).type.shape;
  const part = (whole: Node, floor: Node) =>
    b.reshape(b.expand(b.scalar('sub', whole, floor), { shape }), { shape: [...shape, 1] });
  const [down, over] = [part(y, top), part(x, left)];
  const row = (y: Node) => b.map([at(y, left), at(y, right), over], { expr: blend });
  return b.map([row(top), row(bottom), down], { expr: blend });
}

const list = ({ b }: Room, values: readonly number[], shape: readonly number[]): Node =>
  b.constant({ type: { dtype: 'f32', shape }, data: Float32Array.from(values) });

/** Boxes `[N, 4]` of images, corners in shares of them, each brought to one size. */
function cropAndResize(site: Site): Node {
  const { b, attributes } = site;
  const images = cast(site, site.input(0), 'f32');
  const boxes = site.input(1);
  const [rows, columns, ...more] = site.numbers(3);
  const [count = 0] = boxes.type.shape;
  if (images.type.shape.length !== 4 || boxes.type.shape[1] !== 4 || more.length > 0)
    throw site.bad(`boxes [${boxes.type.shape}] of [${images.type.shape}]`);
  if (!(rows! >= 1 && columns! >= 1)) throw site.bad(`a size of [${rows}, ${columns}]`);
  site.claim(count * rows! * columns!, 'crops');
  const [, h, w] = images.type.shape as readonly [number, number, number, number];
  const column = (i: number) =>
    b.reshape(b.slice(boxes, { starts: [0, i], sizes: [count, 1], steps: [1, 1] }), {
      shape: [count, 1, 1],
    });
  // Shares add up to one at both ends, so that rounding leads to no pixel beyond the last.
  const along = (low: Node, high: Node, extent: number, length: number, axis: 1 | 2) => {
    const share = Array.from({ length }, (_, i) => (length > 1 ? i / (length - 1) : 0.5));
    const shape = [1, 1, 1].with(axis, length);
    const side = (end: Node, shares: readonly number[]) =>
      b.scalar('mul', b.scalar('mul', end, b.value(extent - 1)), list(site, shares, shape));
    return b.scalar(
      'add',
      side(
        low,
        share.map((s) => 1 - s),
      ),
      side(high, share),
    );
  };
  const y = along(column(0), column(2), h, rows!, 1);
  const x = along(column(1), column(3), w, columns!, 2);
  const image = b.reshape(cast(site, site.input(2), 'i32'), { shape: [count, 1, 1] });
  const outside = attributes.float('extrapolation_value', 0);
  const method = attributes.text('method', 'bilinear');
  if (method === 'nearest') {
    const whole = (at: Node) => b.map([at], { expr: nearest });
    const found = pixels(site, images, { image, y: whole(y), x: whole(x) }, outside);
    return masked(site, found, { y, x, h, w }, outside);
  }
  if (method !== 'bilinear') throw site.bad(`method ${method}`);
  return masked(site, between(site, images, { image, y, x }, 0), { y, x, h, w }, outside);
}

/** What lies beyond the border, before places are rounded, is outside altogether. */
function masked(
  { b }: Room,
  found: Node,
  { y, x, h, w }: Pick<Places, 'x' | 'y'> & { readonly h: number; readonly w: number },
  outside: number,
): Node {
  const is = b.map([y, x, b.value(h - 1), b.value(w - 1)], { expr: inside });
  const shape = [...is.type.shape, 1];
  return b.scalar('select', b.reshape(is, { shape }), found, b.value(outside));
}

/** What coordinates beyond the border mean, over a coordinate and the extent. */
const fills = new Map(
  Object.entries({
    CONSTANT: 'a0',
    NEAREST: 'min(max(a0, 0), a1 - 1)',
    REFLECT: `min(max(select(lt(a0, 0),
      select(lt(a0 + 2 * a1 * floor(neg(a0) / (2 * a1)), neg(a1)),
        a0 + 2 * a1 * floor(neg(a0) / (2 * a1)) + 2 * a1,
        neg(a0 + 2 * a1 * floor(neg(a0) / (2 * a1))) - 1),
      select(ge(a0 - 2 * a1 * floor(a0 / (2 * a1)), a1),
        2 * a1 - (a0 - 2 * a1 * floor(a0 / (2 * a1))) - 1,
        a0 - 2 * a1 * floor(a0 / (2 * a1)))), 0), a1 - 1)`,
    WRAP: `min(max(select(lt(a0, 0),
      a0 + a1 * (floor(neg(a0) / (a1 - 1)) + 1),
      select(gt(a0, a1 - 1), a0 - a1 * floor(a0 / (a1 - 1)), a0)), 0), a1 - 1)`,
  }).map(([name, text]) => [name, parseScalar(text)]),
);

const projected = parseScalar('(a0 * a3 + a1 * a4 + a2) / a5');
const depth = parseScalar('a0 * a2 + a1 * a3 + 1');

/** Images seen through projections `[B or 1, 8]`, which lead from each result to where it is read. */
function project(site: Site): Node {
  const { b, attributes } = site;
  const images = cast(site, site.input(0), 'f32');
  const transforms = site.input(1);
  const [rows, columns] = site.numbers(2);
  const outside = site.inputs[3] ? (site.numbers(3)[0] ?? 0) : 0;
  const [many, eight] = transforms.type.shape;
  if (images.type.shape.length !== 4 || eight !== 8 || !(rows! >= 1 && columns! >= 1))
    throw site.bad(`[${transforms.type.shape}] over [${images.type.shape}]`);
  const [n, h, w] = images.type.shape as readonly [number, number, number, number];
  if (many !== 1 && many !== n) throw site.bad(`${many} projections of ${n} images`);
  site.claim(n * rows! * columns!, 'a projection');
  const mode = attributes.text('fill_mode', 'CONSTANT').toUpperCase();
  const way = attributes.text('interpolation', 'NEAREST').toUpperCase();
  const fill = fills.get(mode);
  if (!fill || (way !== 'NEAREST' && way !== 'BILINEAR')) throw site.bad(`${mode}, ${way}`);
  const part = (i: number) =>
    b.reshape(b.slice(transforms, { starts: [0, i], sizes: [many, 1], steps: [1, 1] }), {
      shape: [many, 1, 1],
    });
  const count = (length: number, shape: readonly number[]) =>
    list(
      site,
      Array.from({ length }, (_, i) => i),
      shape,
    );
  const [u, v] = [count(columns!, [1, 1, columns!]), count(rows!, [1, rows!, 1])];
  const far = b.map([part(6), part(7), u, v], { expr: depth });
  const at = (from: number, extent: number) => {
    const place = b.map([part(from), part(from + 1), part(from + 2), u, v, far], {
      expr: projected,
    });
    const mapped = b.map([place, b.value(extent)], {
      expr: extent > 1 ? fill : fills.get(narrow(mode))!,
    });
    return way === 'NEAREST' ? b.map([mapped], { expr: nearest }) : mapped;
  };
  const image = b.constant({
    type: { dtype: 'i32', shape: [n, 1, 1] },
    data: Int32Array.from({ length: n }, (_, i) => i),
  });
  const whole = [n, rows!, columns!];
  const [x, y] = [at(0, w), at(3, h)].map((place) => b.expand(place, { shape: whole }));
  const read = way === 'NEAREST' ? pixels : between;
  const found = read(site, images, { image, y: y!, x: x! }, outside);
  const infinite = b.reshape(b.expand(b.scalar('eq', far, b.value(0)), { shape: whole }), {
    shape: [...whole, 1],
  });
  return b.scalar('select', infinite, b.value(outside), found);
}

/** Of one pixel, every filled coordinate is that pixel. */
const narrow = (mode: string): string => (mode === 'CONSTANT' ? mode : 'NEAREST');

/** Crops and projections, by name. */
export const crops: Operators = {
  CropAndResize: cropAndResize,
  ImageProjectiveTransformV3: project,
};
