// Codes and what they stand for.

import {
  arg,
  type ConstantNode,
  call,
  type Location,
  literal,
  type Node,
  type Scalar,
  type Tensor,
} from '@espalier/ir';
import { unsupportedType } from '../errors.ts';
import type { Room } from '../tensorflow/room.ts';
import { elementOf } from './elements.ts';
import type { Value } from './operator.ts';
import type { Quantization } from './quantization.ts';
import type { DeclaredTensor } from './read.ts';

/** The quantisation of a tensor whose codes are small integers. Those of 32 bits are sums, whose readers know their scale. */
export function quantizationOf(tensor: DeclaredTensor, at: Location): Quantization | undefined {
  if (tensor.quantization === undefined) return undefined;
  return elementOf(tensor, at).range === undefined ? undefined : tensor.quantization;
}

/** The codes that a quantised tensor may have. */
export function rangeOf(tensor: DeclaredTensor, at: Location): readonly [number, number] {
  const { range, name } = elementOf(tensor, at);
  if (range === undefined) throw unsupportedType(`tensor ${tensor.name} quantises to ${name}`, at);
  return range;
}

/** Applies `f` to every element with the scale and the zero point that it has. */
function scaled(
  { type: { shape }, data }: Tensor,
  { scales, zeros, axis }: Quantization,
  f: (element: number, scale: number, zero: number) => number,
): Tensor {
  const result = new Float32Array(data.length);
  const inner = shape.slice(axis + 1).reduce((product, extent) => product * extent, 1);
  for (let i = 0; i < data.length; i++) {
    const slice = scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length;
    result[i] = f(data[i]!, scales[slice]!, zeros[slice]!);
  }
  return { type: { dtype: 'f32', shape }, data: result };
}

/** Stored codes less their zero points. */
export const centred = (stored: Tensor, quantization: Quantization): Tensor =>
  scaled(stored, quantization, (code, _, zero) => code - zero);

/** One number, or one for each slice along the axis, in a shape that broadcasts over `rank` axes. */
export function spread({ b }: Room, values: readonly number[], axis: number, rank: number): Node {
  if (values.length === 1) return b.value(values[0]!);
  const shape = Array.from({ length: rank }, (_, i) => (i === axis ? values.length : 1));
  return b.constant({ type: { dtype: 'f32', shape }, data: Float32Array.from(values) });
}

/** What a value stands for; of a constant at once, so that weights stay constants. */
export function real(room: Room, { node, quantization }: Value): Node {
  if (quantization === undefined) return node;
  if (node.kind === 'constant') return realConstant(room, node, quantization);
  const { scales, axis } = quantization;
  return room.b.scalar('mul', node, spread(room, scales, axis, node.type.shape.length));
}

const realConstant = ({ b }: Room, { value, name }: ConstantNode, quantization: Quantization) =>
  b.constant(
    scaled(value, quantization, (code, scale) => code * scale),
    name,
  );

/** `expr`, in units of codes, as the nearest code that a tensor may have, less its zero point. */
export function rounded(expr: Scalar, range: readonly [number, number], zero: number): Scalar {
  const [low, high] = range;
  const least = call('max', call('round', expr), literal(low - zero));
  return call('min', least, literal(high - zero));
}

/** A real value as codes of a declared tensor, less their zero points. */
export function quantised(room: Room, x: Node, to: DeclaredTensor, by: Quantization): Node {
  const range = rangeOf(to, room.at);
  if (by.scales.length > 1)
    throw room.unsupported(`${to.name} is computed with a scale for each channel`);
  const [scale, zero] = [by.scales[0]!, by.zeros[0]!];
  if (!(scale > 0)) throw room.bad(`${to.name} has the scale ${scale}`);
  const expr = rounded(call('div', arg(0), literal(Math.fround(scale))), range, zero);
  return room.b.map([x], { expr });
}

/** The value of an input port: codes come as they are. */
export function fromPort(room: Room, port: Node, quantization: Quantization | undefined): Value {
  if (quantization === undefined) return { node: port, quantization };
  const { b } = room;
  const { zeros, axis } = quantization;
  const zero = spread(room, zeros, axis, port.type.shape.length);
  return { node: b.scalar('sub', b.scalar('toF32', port), zero), quantization };
}

/** The way back. */
export function toPort(room: Room, { node, quantization }: Value): Node {
  if (quantization === undefined) return node;
  const { b } = room;
  const zero = spread(room, quantization.zeros, quantization.axis, node.type.shape.length);
  return b.scalar('toI32', b.scalar('add', node, zero));
}
