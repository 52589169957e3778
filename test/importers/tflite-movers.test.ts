// TFLite's operators that move elements, against LiteRT.

import {
  agreeWithLiteRt,
  below,
  type Case,
  ints,
  intsOf,
  weights,
  x,
} from '../support/against-litert.ts';
import type { Field, WrittenTensor } from '../support/write-tflite.ts';

type Type = NonNullable<WrittenTensor['type']>;

const one = (
  title: string,
  builtin: number,
  operands: Case[1]['operands'],
  options?: number,
  fields: readonly Field[] = [],
  results: readonly Type[] = ['f32'],
): Case => [
  title,
  {
    builtin,
    operands,
    results,
    version: builtin === 130 ? 2 : 1,
    ...(options && { options, fields }),
  },
];

const strided = (
  title: string,
  [begin, end, strides]: readonly [number[], number[], number[]],
  masks: readonly number[] = [],
): Case =>
  one(
    `STRIDED_SLICE ${title}`,
    45,
    [x(4, 5, 6), ints(...begin), ints(...end), ints(...strides)],
    32,
    masks.map((mask, i): Field => [i, 'i32', mask]),
  );

const resize = (builtin: number, options: number, first: number): Case[] =>
  [
    [7, 9],
    [3, 2],
    [8, 10],
    [1, 1],
  ].flatMap((size) =>
    [
      [false, false],
      [false, true],
      [true, false],
    ].map(([corners, centres]) =>
      one(
        `${builtin === 23 ? 'RESIZE_BILINEAR' : 'RESIZE_NEAREST_NEIGHBOR'} to ${size}${corners ? ', corners' : ''}${centres ? ', centres' : ''}`,
        builtin,
        [x(1, 4, 5, 3), ints(...size)],
        options,
        [
          [first, 'bool', corners!],
          [first + 1, 'bool', centres!],
        ],
      ),
    ),
  );

const axis = (value: number, slot = 0): Field => [slot, 'i32', value];

agreeWithLiteRt([
  one('RESHAPE', 22, [x(2, 3, 4), ints(4, -1)], 17),
  one('RESHAPE by an option', 22, [x(2, 3, 4)], 17, [[0, 'i32s', [6, 4]]]),
  one('SQUEEZE of all', 43, [x(1, 3, 1, 4)], 30),
  one('SQUEEZE of one', 43, [x(1, 3, 1, 4)], 30, [[0, 'i32s', [2]]]),
  one('EXPAND_DIMS', 70, [x(2, 3), ints(1)]),
  one('EXPAND_DIMS at the end', 70, [x(2, 3), ints(-1)]),
  one('TRANSPOSE', 39, [x(2, 3, 4, 5), ints(0, 3, 1, 2)]),
  one('CONCATENATION', 2, [x(2, 3, 4), x(2, 5, 4), weights(2, 1, 4)], 10, [axis(1)]),
  one('CONCATENATION from the end', 2, [x(2, 3), x(2, 4)], 10, [axis(-1)]),
  one('SPLIT', 49, [ints(1), x(2, 6, 3)], 35, [axis(3)], ['f32', 'f32', 'f32']),
  one('SPLIT_V', 102, [x(2, 6, 3), ints(1, 3, -1), ints(1)], 79, [axis(3)], ['f32', 'f32', 'f32']),
  one('PACK', 83, [x(2, 3), x(2, 3)], 59, [axis(2), axis(1, 1)]),
  one('UNPACK', 88, [x(2, 3, 2)], 64, [axis(3), axis(1, 1)], ['f32', 'f32', 'f32']),
  one('PAD', 34, [x(1, 3, 4, 2), intsOf([4, 2], 0, 0, 1, 2, 3, 0, 0, 1)], 22),
  one('PADV2', 60, [x(2, 3), intsOf([2, 2], 1, 0, 0, 2), { data: Float32Array.of(0.5) }], 43),
  one('MIRROR_PAD without the border', 100, [x(3, 4), intsOf([2, 2], 1, 2, 3, 0)], 77),
  one('MIRROR_PAD with the border', 100, [x(3, 4), intsOf([2, 2], 1, 2, 3, 0)], 77, [[0, 'i8', 1]]),
  one('SLICE', 65, [x(3, 4, 5), ints(1, 0, 2), ints(2, -1, 3)]),
  strided('of a part', [
    [1, 0, 2],
    [3, 4, 6],
    [1, 2, 1],
  ]),
  strided(
    'backwards',
    [
      [3, 4, 5],
      [0, 0, 0],
      [-1, -2, -1],
    ],
    [0, 4],
  ),
  strided(
    'with masks',
    [
      [1, 1, 1],
      [2, 3, 3],
      [1, 1, 1],
    ],
    [2, 4],
  ),
  strided(
    'that drops axes',
    [
      [1, -2, 0],
      [2, 4, 6],
      [1, 1, 1],
    ],
    [0, 0, 0, 0, 3],
  ),
  strided('of fewer axes', [[-3], [-1], [1]]),
  one('GATHER', 36, [x(5, 3), below(5, 2, 2)], 23),
  one('GATHER along the last axis', 36, [x(2, 5), below(5, 3)], 23, [axis(1)]),
  one('GATHER in batches', 36, [x(2, 5, 3), below(5, 2, 4)], 23, [axis(1), axis(1, 1)]),
  one('GATHER_ND', 107, [x(3, 4, 2), below(3, 5, 2)]),
  one('SCATTER_ND', 122, [intsOf([3, 1], 4, 1, 3), x(3, 2), ints(6, 2)]),
  one('TILE', 69, [x(2, 3), ints(2, 3)]),
  one('BROADCAST_TO', 130, [x(3, 1), ints(2, 3, 4)]),
  one(
    'TOPK_V2',
    48,
    [x(3, 7), { data: Int32Array.of(3), dims: [] }],
    undefined,
    [],
    ['f32', 'i32'],
  ),
  one('CAST to whole numbers', 53, [x(3, 4)], 37, [[1, 'i8', 2]], ['i32']),
  one('CAST to floats', 53, [below(9, 3, 4)], 37, [[0, 'i8', 2]]),
  one('SPACE_TO_DEPTH', 26, [x(1, 4, 6, 3)], 19, [axis(2)]),
  one('DEPTH_TO_SPACE', 5, [x(1, 2, 3, 12)], 94, [axis(2)]),
  one('SPACE_TO_BATCH_ND', 38, [x(1, 5, 6, 2), ints(2, 3), intsOf([2, 2], 1, 0, 0, 0)]),
  one('BATCH_TO_SPACE_ND', 37, [x(6, 3, 2, 2), ints(2, 3), intsOf([2, 2], 1, 0, 0, 1)]),
  one('REVERSE_V2', 105, [x(2, 3, 4), ints(1)]),
  one('REVERSE_SEQUENCE', 112, [x(3, 5, 2), ints(2, 5, 1)], 87, [axis(1), axis(0, 1)]),
  one(
    'ONE_HOT',
    85,
    [
      below(5, 2, 3),
      { data: Int32Array.of(5), dims: [] },
      { data: Float32Array.of(2), dims: [] },
      { data: Float32Array.of(-1), dims: [] },
    ],
    61,
    [axis(-1)],
  ),
  one('FILL', 94, [ints(2, 3), { data: Float32Array.of(1.5), dims: [] }]),
  one('ZEROS_LIKE', 93, [x(2, 3)]),
  one('EMBEDDING_LOOKUP', 7, [below(5, 4), weights(5, 3)]),
  one('ADD_N', 106, [x(2, 3), x(2, 3), x(2, 3)]),
  ...resize(23, 15, 2),
  ...resize(97, 74, 0),
]);
