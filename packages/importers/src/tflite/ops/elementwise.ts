// Operators over single elements.

import { type Node, parseScalar, type Scalar } from '@espalier/ir';
import { cast, matched } from '../../tensorflow/ops/elementwise.ts';
import { leakyRelu } from '../../tensorflow/scalars.ts';
import type { Operator, Operators, Site } from '../operator.ts';
import type { Options } from '../options.ts';
import { same, through } from './tensorflow.ts';

/** Functions of one number that have TensorFlow's meaning. */
const unary = {
  ABS: 'Abs',
  CEIL: 'Ceil',
  COS: 'Cos',
  ELU: 'Elu',
  EXP: 'Exp',
  FLOOR: 'Floor',
  LOG: 'Log',
  LOGICAL_NOT: 'LogicalNot',
  LOGISTIC: 'Sigmoid',
  NEG: 'Neg',
  RELU: 'Relu',
  RELU6: 'Relu6',
  ROUND: 'Round',
  RSQRT: 'Rsqrt',
  SIGN: 'Sign',
  SIN: 'Sin',
  SQRT: 'Sqrt',
  SQUARE: 'Square',
  TANH: 'Tanh',
} as const;

/** Functions of two numbers. */
const binary = {
  ATAN2: 'Atan2',
  FLOOR_DIV: 'FloorDiv',
  FLOOR_MOD: 'FloorMod',
  LOGICAL_AND: 'LogicalAnd',
  LOGICAL_OR: 'LogicalOr',
  POW: 'Pow',
  SQUARED_DIFFERENCE: 'SquaredDifference',
} as const;

/** Functions that compare, so that codes serve as well. */
const comparing = {
  EQUAL: 'Equal',
  GREATER: 'Greater',
  GREATER_EQUAL: 'GreaterEqual',
  LESS: 'Less',
  LESS_EQUAL: 'LessEqual',
  MAXIMUM: 'Maximum',
  MINIMUM: 'Minimum',
  NOT_EQUAL: 'NotEqual',
  SELECT: 'Select',
  SELECT_V2: 'SelectV2',
} as const;

const named = (names: Readonly<Record<string, string>>, rest: Omit<Operator, 'import'> = {}) =>
  Object.fromEntries(Object.entries(names).map(([own, name]) => [own, same(name, rest)]));

/** A function of one float. */
const scalar = (expr: Scalar): Operator => ({
  import: (site) => site.b.map([cast(site, site.input(0), 'f32')], { expr }),
});

const hardSwish = parseScalar('a0 * min(max(a0 + 3, 0), 6) * 0.16666666666666666');
const prelu = parseScalar('select(ge(a0, 0), a0, a1 * a0)');
const quotient = parseScalar('div(a0, a1)');

/** Sums, differences, products and quotients, with an activation. */
const arithmetic = (table: number, run: (site: Site, a: Node, c: Node) => Node): Operator => ({
  options: { table, fields: { activation: [0, 'int8'] } satisfies Options['fields'] },
  import(site) {
    const [a, c] = matched(site, [site.input(0), site.input(1)], 'i32');
    return run(site, a!, c!);
  },
});

/** Operators over single elements, by name. */
export const elementwise: Operators = {
  ...named(unary),
  ...named(binary),
  ...named(comparing, { moves: true }),
  ADD: arithmetic(11, ({ b }, a, c) => b.scalar('add', a, c)),
  ADD_N: same('AddN'),
  CAST: { import: (site) => site.input(0), note: 'to the type of the result' },
  DENSIFY: { import: (site) => site.input(0), note: 'zeros are put back at import' },
  DEQUANTIZE: { import: (site) => cast(site, site.input(0), 'f32') },
  DIV: arithmetic(29, ({ b }, a, c) => b.map([a, c], { expr: quotient })),
  FAKE_QUANT: same('FakeQuantWithMinMaxArgs', {
    options: {
      table: 58,
      fields: {
        min: [0, 'float32'],
        max: [1, 'float32'],
        num_bits: [2, 'int32'],
        narrow_range: [3, 'int8'],
      },
    },
  }),
  GELU: {
    options: { table: 116, fields: { approximate: [0, 'int8'] } },
    import(site) {
      const approximate = site.attributes.flag('approximate', false) ? 'tanh' : 'none';
      return site.b.gelu(site.input(0), { approximate });
    },
  },
  HARD_SWISH: scalar(hardSwish),
  LEAKY_RELU: {
    options: { table: 75, fields: { alpha: [0, 'float32'] } },
    import: (site) =>
      site.b.map([site.input(0)], { expr: leakyRelu(site.attributes.float('alpha', 0)) }),
  },
  MUL: arithmetic(21, ({ b }, a, c) => b.scalar('mul', a, c)),
  PRELU: { import: (site) => site.b.map([site.input(0), site.input(1)], { expr: prelu }) },
  QUANTIZE: { import: (site) => site.input(0), note: 'to the nearest code, halves to even' },
  RELU_0_TO_1: scalar(parseScalar('min(max(a0, 0), 1)')),
  RELU_N1_TO_1: scalar(parseScalar('min(max(a0, -1), 1)')),
  SUB: arithmetic(28, ({ b }, a, c) => b.scalar('sub', a, c)),
  ZEROS_LIKE: { import: (site) => through('ZerosLike', site, [site.input(0)]) },
};
