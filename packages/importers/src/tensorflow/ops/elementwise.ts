// Operators over single elements.

import { assert, type DType, type Node, type Scalar, type ScalarName } from '@espalier/ir';
import { borrow } from '../borrow.ts';
import type { Room } from '../room.ts';
import { binaryScalars, clip, leakyRelu, quotients, unaryScalars } from '../scalars.ts';
import type { Operator, Operators, Site } from './operator.ts';

/** Types that TensorFlow's values have here; codes of eight bits come out of passes only. */
type Plain = Exclude<DType, 'u8'>;

const plainOf = ({ type }: Node): Plain => {
  assert(type.dtype !== 'u8', 'importers make no codes');
  return type.dtype;
};

const casts = { f32: 'toF32', i32: 'toI32', bool: 'toBool' } as const satisfies Record<
  Plain,
  ScalarName
>;

/** The value in another type. */
export const cast = ({ b }: Room, x: Node, to: Plain): Node =>
  x.type.dtype === to ? x : b.scalar(casts[to], x);

const ranks = { bool: 0, i32: 1, f32: 2 } as const;

/** Operands in the widest of their types, as TF.js makes them match. */
export function matched(room: Room, inputs: readonly Node[], least: Plain = 'bool'): Node[] {
  const to = inputs
    .map(plainOf)
    .reduce<Plain>((widest, dtype) => (ranks[dtype] > ranks[widest] ? dtype : widest), least);
  return inputs.map((input) => cast(room, input, to));
}

/** Functions that integers have too; others turn them into floats. */
const wholes = new Set(['Abs', 'Neg', 'Sign', 'Square', 'LogicalNot']);

const unary =
  (name: string, expr: Scalar): Operator =>
  (site) => {
    const x = site.input(0);
    const floats = wholes.has(name) ? x : cast(site, x, 'f32');
    return site.b.map([floats], { expr });
  };

/** Logic and comparison take what others have no use for. */
const takesBool = /^Logical|^(Not)?Equal$/;

const binary =
  (name: string, expr: Scalar): Operator =>
  (site) => {
    const least = takesBool.test(name)
      ? 'bool'
      : name === 'Prelu' || name === 'DivNoNan'
        ? 'f32'
        : 'i32';
    return site.b.map(matched(site, [site.input(0), site.input(1)], least), { expr });
  };

const table = (
  scalars: ReadonlyMap<string, Scalar>,
  make: (name: string, expr: Scalar) => Operator,
): Operators => Object.fromEntries([...scalars].map(([name, expr]) => [name, make(name, expr)]));

/** Division: integers are rounded down. */
function divide(site: Site): Node {
  const [a, c] = matched(site, [site.input(0), site.input(1)], 'i32');
  return site.b.map([a!, c!], { expr: a!.type.dtype === 'i32' ? quotients.i32 : quotients.f32 });
}

function floorDivide(site: Site): Node {
  const [a, c] = matched(site, [site.input(0), site.input(1)], 'i32');
  return site.b.map([a!, c!], { expr: a!.type.dtype === 'i32' ? quotients.i32 : quotients.floor });
}

/** Biases belong to channels, which `NCHW` puts second. */
export function addBias({ b }: Room, x: Node, bias: Node, format: string): Node {
  const rank = x.type.shape.length;
  if (format !== 'NCHW' || rank < 3) return b.scalar('add', x, bias);
  const shape = [bias.type.shape[0]!, ...new Array<number>(rank - 2).fill(1)];
  return b.scalar('add', x, b.reshape(bias, { shape }));
}

/** `x` where the condition holds, else `y`; a list of conditions chooses rows. */
function select(site: Site): Node {
  const [x, y] = matched(site, [site.input(1), site.input(2)]);
  const condition = cast(site, site.input(0), 'bool');
  const extra = x!.type.shape.length - condition.type.shape.length;
  const rows = condition.type.shape.length === 1 && extra > 0;
  const shape = [...condition.type.shape, ...new Array<number>(Math.max(0, extra)).fill(1)];
  return site.b.scalar('select', rows ? site.b.reshape(condition, { shape }) : condition, x!, y!);
}

const selectBroadcast: Operator = (site) => {
  const [x, y] = matched(site, [site.input(1), site.input(2)]);
  return site.b.scalar('select', cast(site, site.input(0), 'bool'), x!, y!);
};

/** Four quadrants from the arc tangent of the quotient. */
function atan2(site: Site): Node {
  const { b } = site;
  const [y, x] = matched(site, [site.input(0), site.input(1)], 'f32');
  const angle = borrow(site, 'Atan', [b.scalar('div', y!, x!)]);
  const zero = b.value(0);
  const turn = b.scalar('select', b.scalar('lt', y!, zero), b.value(-Math.PI), b.value(Math.PI));
  const left = b.scalar('lt', x!, zero);
  const turned = b.scalar('select', left, b.scalar('add', angle, turn), angle);
  // 0/0 is no number: the origin lies at angle 0.
  const none = b.scalar('and', b.scalar('eq', x!, zero), b.scalar('eq', y!, zero));
  return b.scalar('select', none, zero, turned);
}

const trigonometry = ['Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Cosh', 'Sinh'];

const same: Operator = (site) => site.input(0);

/** Whole steps between two bounds, as training simulated them. */
function fakeQuantize(site: Site): Node {
  const { b, attributes } = site;
  const levels =
    2 ** attributes.int('num_bits', 8) - 1 - (attributes.flag('narrow_range', false) ? 1 : 0);
  const [min, max] = [attributes.float('min', -6), attributes.float('max', 6)];
  // Zero has to be one of the steps.
  const scale = (max - min) / levels;
  const origin = Math.min(levels, Math.max(0, Math.round(-min / scale)));
  const [from, to] = [-origin * scale, (levels - origin) * scale];
  const clipped = b.map([site.input(0), b.value(from), b.value(to)], { expr: clip });
  const steps = b.scalar('mul', b.scalar('sub', clipped, b.value(from)), b.value(1 / scale));
  const whole = b.scalar('floor', b.scalar('add', steps, b.value(0.5)));
  return b.scalar('add', b.scalar('mul', whole, b.value(scale)), b.value(from));
}

/** Operators over single elements, by name. */
export const elementwise: Operators = {
  ...table(unaryScalars, unary),
  ...table(binaryScalars, binary),
  ...Object.fromEntries(
    trigonometry.map((name): [string, Operator] => [
      name,
      (site) => borrow(site, name, [cast(site, site.input(0), 'f32')]),
    ]),
  ),
  AddN: (site) =>
    matched(site, site.inputs, 'i32').reduce((sum, input) => site.b.scalar('add', sum, input)),
  Atan2: atan2,
  BitwiseAnd: (site) => borrow(site, 'BitwiseAnd', [site.input(0), site.input(1)]),
  BiasAdd: (site) =>
    addBias(site, site.input(0), site.input(1), site.attributes.text('data_format', 'NHWC')),
  BiasAddV1: (site) => addBias(site, site.input(0), site.input(1), 'NHWC'),
  Cast: (site) => cast(site, site.input(0), site.attributes.dtype('DstT') ?? 'f32'),
  CheckNumerics: same,
  ClipByValue: (site) =>
    site.b.map(matched(site, [site.input(0), site.input(1), site.input(2)], 'i32'), { expr: clip }),
  Div: divide,
  EnsureShape: same,
  FakeQuantWithMinMaxArgs: fakeQuantize,
  FloorDiv: floorDivide,
  Identity: same,
  IdentityN: (site) => site.inputs,
  LeakyRelu: (site) =>
    site.b.map([site.input(0)], { expr: leakyRelu(site.attributes.float('alpha', 0.2)) }),
  PreventGradient: same,
  Print: same,
  RealDiv: divide,
  Select: select,
  SelectV2: selectBroadcast,
  Snapshot: same,
  StopGradient: same,
};
