// Operators that change a value's type, or nothing at all.

import { arg, call, literal, type Node, type Scalar, type ScalarName } from '@espalier/ir';
import { unsupportedType } from '../../errors.ts';
import { type ElementType, elementTypes } from '../element-types.ts';
import type { Importers, Site } from '../importer.ts';

const functions = { f32: 'toF32', i32: 'toI32', bool: 'toBool' } as const satisfies Record<
  string,
  ScalarName
>;

/** Whole numbers modulo the range of a narrow type, as C and ONNX Runtime have it. */
function wrap(expr: Scalar, [low, high]: readonly [number, number]): Scalar {
  const whole = (value: number) => literal(value, 'i32');
  const shifted = call('sub', expr, whole(low));
  return call('add', call('mod', shifted, whole(high - low + 1)), whole(low));
}

function cast(site: Site): Node {
  const to = site.attributes.int('to');
  const element = elementTypes.get(to);
  if (element?.dtype === undefined)
    throw unsupportedType(`cast to ${element?.name ?? `type ${to}`}`, site.at);
  const x = site.input(0);
  return convert(site, x, element);
}

type Target = Pick<ElementType, 'dtype' | 'range'>;

function convert(site: Site, x: Node, { dtype, range }: Target): Node {
  if (dtype === undefined || (x.type.dtype === dtype && range === undefined)) return x;
  const value = x.type.dtype === dtype ? arg(0) : call(functions[dtype], arg(0));
  const fits = range === undefined || x.type.dtype === 'bool';
  return site.b.map([x], { expr: fits ? value : wrap(value, range) });
}

function dropout(site: Site): readonly Node[] {
  const x = site.input(0);
  const training = site.opset >= 12 ? site.optional(2) : undefined;
  const ratio = site.opset >= 12 ? site.optional(1) : undefined;
  const on = training !== undefined && site.constant(2)?.data[0] !== 0;
  if (on && (ratio === undefined || site.constant(1)?.data[0] !== 0))
    throw site.unsupported('Dropout in training mode draws random numbers');
  return [x, site.b.expand(site.b.value(1, 'bool'), { shape: x.type.shape })];
}

/** Casts and operators that do nothing at inference, by ONNX name. */
export const casts: Importers = {
  Cast: {
    moves: ({ attributes }) => elementTypes.get(attributes.int('to'))?.dtype === 'i32',
    import: cast,
  },
  CastLike: { import: (site) => convert(site, site.input(0), site.input(1).type) },
  Dropout: { import: dropout },
  Identity: { moves: true, import: (site) => site.input(0) },
};
