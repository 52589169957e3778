// Operators that change a value's type, or nothing at all.

import {
  arg,
  call,
  literal,
  type Node,
  parseScalar,
  type Scalar,
  type ScalarName,
  substitute,
} from '@espalier/ir';
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

/** Results of arithmetic as operand 0's element type has room for them: those of narrow integers wrap. */
export function wrapped(site: Site, x: Node): Node {
  const range = elementTypes.get(site.element(0) ?? 0)?.range;
  if (range === undefined || x.type.dtype !== 'i32') return x;
  return site.b.map([x], { expr: wrap(arg(0), range) });
}

function cast(site: Site): Node {
  const to = site.attributes.int('to');
  const element = elementTypes.get(to);
  if (element?.dtype === undefined)
    throw unsupportedType(`cast to ${element?.name ?? `type ${to}`}`, site.at);
  const x = site.input(0);
  return convert(site, x, element);
}

type Target = Pick<ElementType, 'dtype'> & Partial<Pick<ElementType, 'name' | 'range'>>;

function convert(site: Site, x: Node, { dtype, range, name }: Target): Node {
  // No element type of a file is imported as codes.
  if (dtype === undefined || dtype === 'u8') return x;
  const narrow = name === 'float16' || name === 'bfloat16' ? narrowed[name] : undefined;
  if (x.type.dtype === dtype && range === undefined && narrow === undefined) return x;
  const value = x.type.dtype === dtype ? arg(0) : call(functions[dtype], arg(0));
  if (narrow && x.type.dtype !== 'bool')
    return site.b.map([x], { expr: substitute(narrow, [value]) });
  const fits = range === undefined || x.type.dtype === 'bool';
  return site.b.map([x], { expr: fits ? value : wrap(value, range) });
}

/**
 * Floats rounded to fewer digits: multiplying by `2^n + 1` and taking the difference leaves all but the
 * last `n` [Dekker 1971]. Halves below 2^-14 lie 2^-24 apart, and above 65504 there are none.
 */
const narrowed = {
  float16: parseScalar(
    'select(lt(abs(a0), 6.103515625e-5), (a0 + 0.75) - 0.75, ' +
      'select(ge(abs(a0), 65520), a0 * inf, a0 * 8193 - (a0 * 8193 - a0)))',
  ),
  bfloat16: parseScalar('select(ge(abs(a0), 1e33), a0, a0 * 65537 - (a0 * 65537 - a0))'),
} as const;

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
    element: ({ attributes }) => attributes.int('to'),
    import: cast,
  },
  CastLike: {
    element: (site) => site.element(1),
    import: (site) => {
      const element = elementTypes.get(site.element(1) ?? 0);
      return convert(site, site.input(0), element ?? site.input(1).type);
    },
  },
  Dropout: { note: 'at inference', import: dropout },
  Identity: { moves: true, import: (site) => site.any(0) },
};
