// TFLite's operators over elements and axes, against LiteRT.

import {
  agreeWithLiteRt,
  below,
  type Case,
  ints,
  positive,
  weights,
  x,
} from '../support/against-litert.ts';
import type { Field, WrittenTensor } from '../support/write-tflite.ts';

type Rest = {
  readonly options?: number;
  readonly fields?: readonly Field[];
  readonly results?: readonly NonNullable<WrittenTensor['type']>[];
  readonly version?: number;
};

const one = (
  title: string,
  builtin: number,
  operands: Case[1]['operands'],
  rest: Rest = {},
): Case => [title, { builtin, operands, ...rest }];

const unary = {
  ABS: 101,
  CEIL: 104,
  COS: 108,
  ELU: 111,
  EXP: 47,
  FLOOR: 8,
  HARD_SWISH: 117,
  LOGISTIC: 14,
  NEG: 59,
  RELU: 19,
  RELU_0_TO_1: 152,
  RELU_N1_TO_1: 20,
  RELU6: 21,
  ROUND: 116,
  SIGN: 158,
  SIN: 66,
  SQUARE: 92,
  TANH: 28,
};

const ofPositive = { LOG: 73, RSQRT: 76, SQRT: 75 };

const activated = { ADD: [0, 11], SUB: [41, 28], MUL: [18, 21], DIV: [42, 29] } as const;

const binary = { FLOOR_DIV: 90, FLOOR_MOD: 95, MAXIMUM: 55, MINIMUM: 57, SQUARED_DIFFERENCE: 99 };

const comparing = {
  EQUAL: 71,
  GREATER: 61,
  GREATER_EQUAL: 62,
  LESS: 58,
  LESS_EQUAL: 63,
  NOT_EQUAL: 72,
};

const folds = { MEAN: 40, REDUCE_MAX: 82, REDUCE_MIN: 89, REDUCE_PROD: 81, SUM: 74 };

const shape = [1, 3, 4, 5] as const;

agreeWithLiteRt([
  ...Object.entries(unary).map(([name, code]) => one(name, code, [x(2, 3, 7)])),
  ...Object.entries(ofPositive).map(([name, code]) => one(name, code, [positive(2, 3, 7)])),
  ...Object.entries(activated).flatMap(([name, [code, options]]) =>
    [0, 1, 2, 3].flatMap((act): Case[] => {
      const rest = { options, fields: [[0, 'i8', act]] as const };
      const wide = act % 2 === 0 ? positive(...shape) : positive(5);
      return [one(`${name} with activation ${act}`, code, [x(...shape), wide], rest)];
    }),
  ),
  one('ADD of a narrow first operand', 0, [x(4, 1), x(1, 3, 4, 5)], { options: 11, fields: [] }),
  one('ADD of whole numbers', 0, [below(9, 2, 3), below(9, 3)], {
    options: 11,
    fields: [],
    results: ['i32'],
  }),
  one('MUL by a constant', 18, [x(...shape), weights(5)], { options: 21, fields: [] }),
  ...Object.entries(binary).map(([name, code]) => one(name, code, [x(2, 3, 4), positive(3, 1)])),
  one('FLOOR_MOD of whole numbers', 95, [below(50, 3, 4), ints(7, 3, 5, 2)], { results: ['i32'] }),
  one('POW', 78, [positive(2, 3, 4), x(2, 3, 4)]),
  ...Object.entries(comparing).map(([name, code]) =>
    one(name, code, [below(3, 2, 3, 4), below(3, 4)], { results: ['bool'] }),
  ),
  ...[false, true].map((approximate) =>
    one(`GELU ${approximate ? 'by tanh' : 'by erf'}`, 150, [x(3, 7)], {
      options: 116,
      fields: [[0, 'bool', approximate]],
    }),
  ),
  one('LEAKY_RELU', 98, [x(3, 7)], { options: 75, fields: [[0, 'f32', 0.3]] }),
  one('PRELU', 54, [x(1, 3, 4, 5), weights(1, 1, 5)]),
  one('PRELU of whole slopes', 54, [x(1, 3, 4, 5), weights(3, 4, 5)]),
  one('L2_NORMALIZATION', 11, [x(2, 3, 5)], { options: 12, fields: [] }),
  one('LOCAL_RESPONSE_NORMALIZATION', 13, [x(1, 3, 2, 7)], {
    options: 13,
    fields: [
      [0, 'i32', 2],
      [1, 'f32', 1.5],
      [2, 'f32', 0.3],
      [3, 'f32', 0.75],
    ],
  }),
  ...[1, 0.5, 2].map((beta) =>
    one(`SOFTMAX with beta ${beta}`, 25, [x(2, 3, 5)], { options: 9, fields: [[0, 'f32', beta]] }),
  ),
  one('LOG_SOFTMAX', 50, [x(2, 3, 5)]),
  ...Object.entries(folds).flatMap(([name, code]) =>
    [
      [[1, 2], true],
      [[-1], false],
      [[1], true],
      [[0, 1, 2, 3], false],
    ].map(([axes, keep]) =>
      one(
        `${name} of [${axes}]${keep ? ', axes kept' : ''}`,
        code,
        [x(...shape), ints(...(axes as number[]))],
        {
          options: 27,
          fields: [[0, 'bool', keep as boolean]],
        },
      ),
    ),
  ),
  one('ARG_MAX', 56, [x(2, 5, 3), ints(1)], {
    results: ['i32'],
    options: 40,
    fields: [[0, 'i8', 2]],
  }),
  one('ARG_MIN', 79, [x(2, 5, 3), ints(-1)], {
    results: ['i32'],
    options: 57,
    fields: [[0, 'i8', 2]],
  }),
  ...[false, true].flatMap((exclusive) =>
    [false, true].map((reverse) =>
      one(
        `CUMSUM${exclusive ? ' exclusive' : ''}${reverse ? ' reverse' : ''}`,
        128,
        [x(2, 5, 3), ints(1)],
        {
          options: 102,
          fields: [
            [0, 'bool', exclusive],
            [1, 'bool', reverse],
          ],
        },
      ),
    ),
  ),
]);
