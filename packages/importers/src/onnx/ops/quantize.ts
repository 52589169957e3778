// Numbers as small integers with a scale and a zero point, and back.

import { arg, call, elementCount, literal, type Node, type Scalar } from '@espalier/ir';
import { unsupportedType } from '../../errors.ts';
import { elementTypes } from '../element-types.ts';
import { type Importers, resolveAxis, type Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

const uint8 = 2;

/** The integers that an element type holds. */
export function rangeOf(site: Site, element: number): readonly [number, number] {
  const type = elementTypes.get(element);
  if (type?.dtype !== 'i32' || (type.range === undefined && type.name !== 'int32'))
    throw unsupportedType(`quantises to ${type?.name ?? `type ${element}`}`, site.at);
  return type.range ?? [-(2 ** 31), 2 ** 31 - 1];
}

/** A scale or zero point in a shape that broadcasts to that of `x`: one number, one a slice, or one a block. */
function spread(site: Site, node: Node, x: Node): Node {
  const { b, attributes } = site;
  const { shape } = x.type;
  const own = node.type.shape;
  if (elementCount(own) === 1) return b.reshape(node, { shape: [] });
  const axis = resolveAxis(site, attributes.int('axis', 1), shape.length);
  if (own.length <= 1)
    return b.reshape(node, { shape: shape.map((_, a) => (a === axis ? own[0]! : 1)) });
  const block = attributes.int('block_size', 0) || Math.ceil(shape[axis]! / own[axis]!);
  if (own.length !== shape.length || own[axis]! * block < shape[axis]!)
    throw site.bad(`scales [${own.join(', ')}] of [${shape.join(', ')}]`);
  const wide = own.toSpliced(axis + 1, 0, block);
  const repeated = b.expand(b.reshape(node, { shape: own.toSpliced(axis + 1, 0, 1) }), {
    shape: wide,
  });
  const whole = b.reshape(repeated, { shape: own.toSpliced(axis, 1, own[axis]! * block) });
  return sliceAxis(site, whole, axis, 0, shape[axis]!);
}

/** `expr` rounded, moved by the zero point `zero` and cut to a range, as i32. */
export const saturated = (expr: Scalar, zero: Scalar, [low, high]: readonly [number, number]) =>
  call(
    'toI32',
    call('min', call('max', call('add', call('round', expr), zero), literal(low)), literal(high)),
  );

/** The element type of a quantised result: what is said, or that of the zero point, or uint8. */
const quantisedTo = (site: Site): number =>
  site.element(2) ?? (site.attributes.int('output_dtype', 0) || uint8);

function quantize(site: Site): Node {
  const { b } = site;
  const given = site.input(0);
  const x = given.type.dtype === 'f32' ? given : b.scalar('toF32', given);
  const scale = spread(site, site.input(1), x);
  const zero = site.optional(2);
  const range = rangeOf(site, quantisedTo(site));
  const ratio = call('div', arg(0), arg(1));
  if (!zero) return b.map([x, scale], { expr: saturated(ratio, literal(0), range) });
  const operands = [x, scale, spread(site, zero, x)];
  return b.map(operands, { expr: saturated(ratio, call('toF32', arg(2)), range) });
}

function dequantize(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  if (x.type.dtype !== 'i32') throw site.bad('restores what is not an integer');
  const scale = spread(site, site.input(1), x);
  const zero = site.optional(2);
  const whole = zero ? b.scalar('sub', x, spread(site, zero, x)) : x;
  return b.map([whole, scale], { expr: call('mul', call('toF32', arg(0)), arg(1)) });
}

/** Scale and zero point of uint8 from the extremes, 0 always included. */
export function dynamicQuantize(site: Site): readonly Node[] {
  const { b } = site;
  const x = site.input(0);
  const axes = x.type.shape.map((_, axis) => axis);
  const [low, high] = (['min', 'max'] as const).map((kind) => {
    const extreme = axes.length > 0 ? b.reduce(x, { kind, axes, keepDims: false }) : x;
    return b.map([extreme], { expr: call(kind, arg(0), literal(0)) });
  }) as [Node, Node];
  const width = call('div', call('sub', arg(1), arg(0)), literal(255));
  const scale = b.map([low, high], {
    expr: call('select', call('eq', arg(0), arg(1)), literal(1), width),
  });
  const range = [0, 255] as const;
  const shift = call('neg', call('div', arg(0), arg(1)));
  const zero = b.map([low, scale], { expr: saturated(shift, literal(0), range) });
  const ratio = call('div', arg(0), arg(1));
  const y = b.map([x, scale, zero], { expr: saturated(ratio, call('toF32', arg(2)), range) });
  return [y, scale, zero];
}

/** Quantisation, by ONNX name. */
export const quantizations: Importers = {
  DequantizeLinear: { import: dequantize },
  DynamicQuantizeLinear: { element: () => uint8, import: dynamicQuantize },
  QuantizeLinear: { element: quantisedTo, import: quantize },
};
