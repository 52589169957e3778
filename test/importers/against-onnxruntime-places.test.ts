// Operators over places and by index, against ONNX Runtime.

import {
  agreeWithOnnxRuntime,
  type Case,
  floats,
  i,
  ints,
  one,
  x,
} from '../support/against-onnxruntime.ts';

/** Integers from 0 up to a limit. */
const below = (limit: number, ...shape: number[]) => ({ shape, int: true as const, below: limit });
const scalar = (value: number) => ({ ints: [value], scalar: true as const });

const places: readonly Case[] = [
  ...['ArgMax', 'ArgMin'].flatMap((op) =>
    [0, 1].map((last) =>
      one(
        `${op} with select_last_index ${last}`,
        op,
        13,
        [below(4, 3, 9, 4)].map((at) => ({ ...at, element: 'int32' as const })),
        {
          axis: 1,
          select_last_index: last,
          keepdims: last,
        },
      ),
    ),
  ),
  one('Hardmax of version 11', 'Hardmax', 11, [x(2, 3, 4)], { axis: 1 }),
  one('Hardmax', 'Hardmax', 13, [x(2, 3, 4)], { axis: 1 }),
  one('TopK', 'TopK', 11, [x(3, 17, 2), ints(5)], { axis: 1, largest: 0 }, 2),
  one('TopK of version 9', 'TopK', 9, [x(3, 17)], { k: 4 }, 2),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map((reverse) =>
      one(
        `CumSum, exclusive ${exclusive}, reverse ${reverse}`,
        'CumSum',
        14,
        [x(2, 5, 3), scalar(1)],
        {
          exclusive,
          reverse,
        },
      ),
    ),
  ),
  one('Trilu', 'Trilu', 14, [x(2, 5, 4), scalar(-1)], { upper: 0 }),
  one('EyeLike', 'EyeLike', 9, [x(3, 5)], { k: 1 }),
  one('OneHot', 'OneHot', 11, [i(2, 3), scalar(4), floats(-1, 2)], { axis: 1 }),
  one('ReverseSequence', 'ReverseSequence', 10, [x(5, 3, 2), ints(5, 1, 3)], {
    batch_axis: 1,
    time_axis: 0,
  }),
  one('NonZero of a constant', 'NonZero', 13, [{ floats: [1, 0, 2, 0, 0, 3], dims: [2, 3] }]),
  one('Unique of a constant', 'Unique', 11, [floats(3, 1, 3, 2, 1)], {}, 4),
];

const picks: readonly Case[] = [
  one('GatherElements', 'GatherElements', 13, [x(5, 4, 3), below(4, 2, 6, 3)], { axis: 1 }),
  one('GatherND', 'GatherND', 13, [x(4, 4, 3), below(4, 5, 2)]),
  one('GatherND of batches', 'GatherND', 13, [x(2, 4, 3), below(3, 2, 5, 2)], { batch_dims: 1 }),
  ...['none', 'add', 'mul', 'min', 'max'].flatMap((reduction) => [
    one(
      `ScatterElements, ${reduction}`,
      'ScatterElements',
      18,
      [x(4, 5), { ints: [0, 2, 3, -4, 2, 1], dims: [2, 3] }, x(2, 3)],
      { axis: 0, reduction },
    ),
    one(
      `ScatterND, ${reduction}`,
      'ScatterND',
      18,
      [x(4, 5, 2), { ints: [0, 2, 3, 4, -1, 0], dims: [3, 2] }, x(3, 2)],
      { reduction },
    ),
  ]),
  one('MaxUnpool', 'MaxUnpool', 11, [x(1, 1, 2, 2), { ints: [0, 2, 9, 15], dims: [1, 1, 2, 2] }], {
    kernel_shape: [2, 2],
    strides: [2, 2],
  }),
];

const samples: readonly Case[] = [
  ...['linear', 'nearest', 'cubic'].flatMap((mode) =>
    ['zeros', 'border', 'reflection'].flatMap((padding_mode) =>
      [0, 1].map((align_corners) =>
        one(
          `GridSample ${mode}, ${padding_mode}, align_corners ${align_corners}`,
          'GridSample',
          20,
          [x(2, 3, 5, 4), x(2, 6, 7, 2)],
          { mode, padding_mode, align_corners },
        ),
      ),
    ),
  ),
  one('GridSample of version 16', 'GridSample', 16, [x(1, 3, 5, 4), x(1, 6, 7, 2)], {
    mode: 'bicubic',
  }),
  ...['avg', 'max'].flatMap((mode) =>
    ['half_pixel', 'output_half_pixel'].map((coordinate_transformation_mode) =>
      one(
        `RoiAlign ${mode}, ${coordinate_transformation_mode}`,
        'RoiAlign',
        16,
        [
          x(2, 3, 9, 8),
          { floats: [0, 0, 9, 7, 3, 2, 14, 5, -4, 1, 5, 20], dims: [3, 4] },
          ints(0, 1, 0),
        ],
        {
          mode,
          coordinate_transformation_mode,
          output_height: 3,
          output_width: 2,
          sampling_ratio: 2,
          spatial_scale: { float: 0.5 },
        },
      ),
    ),
  ),
];

agreeWithOnnxRuntime([...places, ...picks, ...samples]);
