// Operators that make values out of shapes and numbers: all of them are constants here.

import { elementCount, type Node, type TensorType } from '@espalier/ir';
import { filled, integers } from '../room.ts';
import type { Operators, Site } from './operator.ts';

function range(site: Site): Node {
  const [start, limit, step] = [0, 1, 2].map((i) => site.numbers(i)[0] ?? 0);
  const count = Math.max(0, Math.ceil((limit! - start!) / step!));
  if (!Number.isFinite(count)) throw site.bad(`counts from ${start} to ${limit} by ${step}`);
  site.claim(count, 'a range');
  const { dtype } = site.input(0).type;
  const type: TensorType = { dtype: dtype === 'f32' ? 'f32' : 'i32', shape: [count] };
  const values = { length: count };
  const at = (_: unknown, i: number) => start! + i * step!;
  const data = dtype === 'f32' ? Float32Array.from(values, at) : Int32Array.from(values, at);
  return site.b.constant({ type, data });
}

function linSpace(site: Site): Node {
  const [start, stop, count] = [0, 1, 2].map((i) => site.numbers(i)[0] ?? 0);
  if (!Number.isInteger(count) || count! < 1) throw site.bad(`${count} steps`);
  site.claim(count!, 'a range');
  const step = count === 1 ? 0 : (stop! - start!) / (count! - 1);
  const data = Float32Array.from({ length: count! }, (_, i) => start! + i * step);
  return site.b.constant({ type: { dtype: 'f32', shape: [count!] }, data });
}

/** The shape that two shapes have together. */
function broadcast(site: Site): Node {
  const [a, c] = [site.numbers(0), site.numbers(1)];
  const rank = Math.max(a.length, c.length);
  const at = (list: readonly number[], i: number) => list[list.length - rank + i] ?? 1;
  const shape = Array.from({ length: rank }, (_, i) => {
    const [m, n] = [at(a, i), at(c, i)];
    if (m !== n && m !== 1 && n !== 1) throw site.bad(`[${a}] and [${c}] do not go together`);
    return m === 1 ? n : m;
  });
  return integers(site, shape);
}

const whole = (site: Site, value: number): Node => site.b.value(value, 'i32');

/** One number, in a shape that an operand gives. */
function fixed(site: Site, value: number): Node {
  const type = { dtype: site.attributes.dtype('T') ?? 'f32', shape: site.numbers(0) } as const;
  site.claim(elementCount(type.shape), 'a constant');
  return filled(site, type, value);
}

/** What shapes and numbers give, by name. */
export const shapes: Operators = {
  BroadcastArgs: broadcast,
  Fill: (site) => site.b.expand(site.input(1), { shape: site.numbers(0) }),
  LinSpace: linSpace,
  Ones: (site) => fixed(site, 1),
  OnesLike: (site) => filled(site, site.input(0).type, 1),
  Range: range,
  Rank: (site) => whole(site, site.input(0).type.shape.length),
  Shape: (site) => integers(site, site.input(0).type.shape),
  ShapeN: (site) => site.inputs.map(({ type }) => integers(site, type.shape)),
  Size: (site) => whole(site, elementCount(site.input(0).type.shape)),
  Zeros: (site) => fixed(site, 0),
  ZerosLike: (site) => filled(site, site.input(0).type, 0),
};
