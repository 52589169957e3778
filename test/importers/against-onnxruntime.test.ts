// Layers, reductions, pools and resizing in many variants, against ONNX Runtime.

import {
  agreeWithOnnxRuntime,
  type Case,
  flag,
  float,
  floats,
  i,
  ints,
  one,
  x,
} from '../support/against-onnxruntime.ts';
import type { OneNode } from '../support/onnx-model.ts';

const resize = (
  title: string,
  shape: readonly number[],
  { scales, sizes, roi }: { scales?: number[]; sizes?: number[]; roi?: number[] },
  attributes: OneNode['attributes'],
  opset = 19,
): Case =>
  one(
    title,
    'Resize',
    opset,
    [{ shape }, roi && floats(...roi), scales && floats(...scales), sizes && ints(...sizes)].slice(
      0,
      sizes ? 4 : 3,
    ),
    attributes,
  );

const normal = [
  'half_pixel',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'half_pixel_symmetric',
];

const pools = (op: string, opset: number): Case[] => [
  one(`${op} over one axis`, op, opset, [x(2, 3, 13)], { kernel_shape: [3], strides: [2] }),
  one(`${op} with ceil_mode`, op, opset, [x(1, 2, 7, 9)], {
    kernel_shape: [3, 2],
    strides: [2, 3],
    ceil_mode: 1,
  }),
  one(`${op} with ceil_mode and pads`, op, opset, [x(1, 2, 6, 9)], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    ceil_mode: 1,
  }),
  one(`${op} with SAME_LOWER`, op, opset, [x(1, 2, 7, 8)], {
    kernel_shape: [2, 3],
    strides: [2, 2],
    auto_pad: 'SAME_LOWER',
  }),
  one(`${op} with VALID`, op, opset, [x(1, 2, 7, 8)], { kernel_shape: [2, 3], auto_pad: 'VALID' }),
  one(`${op} over three axes`, op, opset, [x(1, 2, 5, 6, 7)], {
    kernel_shape: [2, 3, 2],
    strides: [2, 1, 2],
    pads: [1, 1, 0, 0, 1, 1],
  }),
];

const reductions = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSumExp',
  'ReduceSumSquare',
].flatMap((op): Case[] => [
  one(`${op} of all`, op, 11, [x(2, 3, 4)], { keepdims: 0 }),
  one(`${op} along attribute axes`, op, 11, [x(2, 3, 4)], { axes: [-1, 0] }),
  one(`${op} along input axes`, op, 18, [x(2, 3, 4), ints(1)], { keepdims: 0 }),
  one(`${op} of no axes`, op, 18, [x(2, 3, 4)], { noop_with_empty_axes: 1 }),
]);

const unary = [
  ...['Abs', 'Ceil', 'Cos', 'Erf', 'Exp', 'Floor', 'Neg', 'Reciprocal', 'Relu', 'Round', 'Sigmoid'],
  ...['Sign', 'Sin', 'Softplus', 'Softsign', 'Tan', 'Tanh', 'Elu', 'Selu', 'Celu', 'HardSigmoid'],
  ...['LeakyRelu', 'ThresholdedRelu', 'HardSwish', 'Shrink', 'Identity'],
].map((op) => one(`${op} of floats`, op, 14, [x(3, 37)]));

const cases: readonly Case[] = [
  ...unary,
  ...reductions,
  ...pools('MaxPool', 12),
  ...pools('AveragePool', 19),
  one('AveragePool that counts its pads', 'AveragePool', 11, [x(1, 2, 7, 9)], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    ceil_mode: 1,
    count_include_pad: 1,
  }),
  one('MaxPool with dilation', 'MaxPool', 12, [x(1, 2, 9, 9)], {
    kernel_shape: [3, 2],
    dilations: [2, 3],
  }),
  one(
    'MaxPool with places',
    'MaxPool',
    12,
    [x(2, 2, 7, 9)],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    2,
  ),
  one(
    'MaxPool with places column by column',
    'MaxPool',
    12,
    [x(1, 2, 5, 6)],
    { kernel_shape: [2, 2], strides: [2, 2], storage_order: 1 },
    2,
  ),
  one('GlobalAveragePool over three axes', 'GlobalAveragePool', 11, [x(2, 3, 4, 5, 2)]),
  one('GlobalMaxPool over one axis', 'GlobalMaxPool', 11, [x(2, 3, 4)]),
  one('LpPool', 'LpPool', 18, [x(1, 2, 7, 8)], { kernel_shape: [3, 3], strides: [2, 2], p: 3 }),
  one('LRN', 'LRN', 13, [x(1, 7, 3, 4)], { size: 5, alpha: float(0.1), bias: float(2) }),

  one('Conv over one axis', 'Conv', 11, [x(2, 4, 13), x(6, 2, 3), x(6)], {
    group: 2,
    strides: [2],
    pads: [2, 1],
    dilations: [2],
  }),
  one('Conv over two axes', 'Conv', 11, [x(1, 4, 9, 8), x(6, 4, 3, 2)], {
    strides: [2, 1],
    pads: [1, 0, 2, 1],
  }),
  one('Conv over three axes', 'Conv', 11, [x(2, 4, 5, 7, 6), x(6, 2, 3, 2, 3), x(6)], {
    group: 2,
    strides: [2, 1, 2],
    pads: [1, 0, 2, 1, 1, 0],
    dilations: [1, 2, 1],
  }),
  one('Conv with SAME_LOWER', 'Conv', 11, [x(1, 2, 7, 8), x(3, 2, 2, 3)], {
    strides: [2, 2],
    auto_pad: 'SAME_LOWER',
  }),
  one('ConvTranspose over one axis', 'ConvTranspose', 11, [x(2, 4, 5), x(4, 3, 3), x(3)], {
    strides: [2],
    pads: [1, 0],
    output_padding: [1],
  }),
  one('ConvTranspose in groups', 'ConvTranspose', 11, [x(1, 4, 5, 4), x(4, 3, 3, 2), x(6)], {
    group: 2,
    strides: [2, 3],
    dilations: [2, 1],
    output_padding: [1, 0],
  }),
  one(
    'ConvTranspose over three axes',
    'ConvTranspose',
    11,
    [x(2, 4, 3, 4, 3), x(4, 3, 3, 2, 3), x(3)],
    {
      strides: [2, 1, 2],
      pads: [1, 0, 1, 0, 1, 0],
      output_padding: [1, 0, 0],
    },
  ),
  ...['SAME_UPPER', 'SAME_LOWER', 'NOTSET'].map((auto_pad) =>
    one(
      `ConvTranspose to a shape, ${auto_pad}`,
      'ConvTranspose',
      11,
      [x(1, 2, 4, 5), x(2, 3, 3, 3)],
      {
        strides: [2, 3],
        output_shape: [8, 14],
        auto_pad,
      },
    ),
  ),

  one('BatchNormalization', 'BatchNormalization', 9, [
    x(2, 3, 4),
    x(3),
    x(3),
    x(3),
    floats(1, 2, 0.5),
  ]),
  one('InstanceNormalization', 'InstanceNormalization', 6 + 1, [x(2, 3, 11), x(3), x(3)]),
  one(
    'LayerNormalization with statistics',
    'LayerNormalization',
    17,
    [x(2, 3, 4), x(3, 4), x(3, 4)],
    { axis: 1 },
    3,
  ),
  one('LayerNormalization without bias', 'LayerNormalization', 17, [x(2, 3, 4), x(4)]),
  one('GroupNormalization', 'GroupNormalization', 21, [x(2, 6, 4, 3), x(6), x(6)], {
    num_groups: 3,
  }),
  one('LpNormalization', 'LpNormalization', 11, [x(2, 3, 4)], { axis: 1, p: 1 }),
  one('MeanVarianceNormalization', 'MeanVarianceNormalization', 13, [x(2, 3, 4, 5)]),
  one('Softmax of a flattened matrix', 'Softmax', 11, [x(2, 3, 4)], { axis: 1 }),
  one('Softmax along an axis', 'Softmax', 13, [x(2, 3, 4)], { axis: 1 }),
  one('LogSoftmax of a flattened matrix', 'LogSoftmax', 11, [x(2, 3, 4)], { axis: 0 }),

  one('Gemm with all of its attributes', 'Gemm', 11, [x(4, 3), x(5, 4), x(3, 1)], {
    transA: 1,
    transB: 1,
    alpha: float(0.5),
    beta: float(2),
  }),
  one('Gemm without C', 'Gemm', 11, [x(3, 4), x(4, 5)]),
  one('Gemm with a single number', 'Gemm', 11, [x(3, 4), x(4, 5), x(1)], { beta: float(3) }),
  one('MatMul of stacks', 'MatMul', 13, [x(2, 1, 3, 4), x(5, 4, 2)]),
  one('MatMul of a vector', 'MatMul', 13, [x(4), x(3, 4, 2)]),
  one('MatMul by a vector', 'MatMul', 13, [x(3, 2, 4), x(4)]),
  one('MatMul of integers', 'MatMul', 13, [i(3, 4), i(4, 2)]),

  one('Pow of an integer', 'Pow', 15, [i(3, 4), ints(3)]),
  one('Pow of integers by floats', 'Pow', 15, [i(2, 3), floats(2)]),
  one('Mod of integers', 'Mod', 13, [i(3, 4), ints(3)]),
  one('Mod of floats', 'Mod', 13, [x(3, 4), floats(0.7)], { fmod: 1 }),
  one('Div of integers', 'Div', 14, [i(3, 4), ints(-3)]),
  one('PRelu', 'PRelu', 16, [x(2, 3, 4), x(3, 1)]),
  one('Clip by attributes', 'Clip', 7, [x(3, 5)], { min: float(-0.5), max: float(0.25) }),
  one('Clip with crossed bounds', 'Clip', 13, [
    x(3, 5),
    { floats: [1], dims: [] },
    { floats: [-1], dims: [] },
  ]),
  one('Clip of integers', 'Clip', 13, [i(3, 5), { ints: [-1], scalar: true }]),
  one('Mean', 'Mean', 13, [x(3, 4), x(4), x(3, 1)]),
  one('Max of integers', 'Max', 13, [i(3, 4), i(4)]),
  one('Where of integers', 'Where', 16, [flag(3, 1), i(4), i(3, 4)]),
  one('Equal of flags', 'Equal', 13, [flag(3, 4), flag(4)]),
  one('Cast to integers', 'Cast', 13, [x(3, 9)], { to: 7 }),
  one('Cast to flags', 'Cast', 13, [i(3, 9)], { to: 9 }),
  one('Cast to bytes', 'Cast', 13, [i(3, 9)], { to: 3 }),
  one('Cast of flags', 'Cast', 13, [flag(3, 9)], { to: 1 }),

  one('Slice by attributes', 'Slice', 9, [x(5, 6)], { starts: [1, -3], ends: [1000, -1] }),
  one('Slice backwards', 'Slice', 13, [
    x(5, 6),
    ints(-1, 4),
    ints(-1000, 0),
    ints(0, 1),
    ints(-2, -1),
  ]),
  one('Slice of nothing', 'Slice', 13, [x(5, 6), ints(3), ints(1), ints(-1)]),
  one('Split in equal parts', 'Split', 11, [x(2, 6)], { axis: 1 }, 3),
  one('Split by an attribute', 'Split', 11, [x(2, 6)], { axis: -1, split: [1, 5] }, 2),
  one('Split by a number', 'Split', 18, [x(2, 7)], { axis: 1, num_outputs: 3 }, 3),
  one('Gather along an axis', 'Gather', 13, [x(3, 5, 2), i(2, 2)], { axis: 1 }),
  one('Gather evenly spaced', 'Gather', 13, [x(3, 6), ints(5, 3, 1)], { axis: 1 }),
  one('Gather one', 'Gather', 13, [x(3, 6), { ints: [-2], scalar: true }], { axis: 1 }),
  one('Tile', 'Tile', 13, [x(2, 3), ints(2, 3)]),
  one('Expand both ways', 'Expand', 13, [x(3, 1), ints(2, 1, 4)]),
  one('Flatten before all axes', 'Flatten', 13, [x(2, 3, 4)], { axis: 0 }),
  one('Squeeze by an attribute', 'Squeeze', 11, [x(1, 3, 1)], { axes: [-1] }),
  one('Unsqueeze by an input', 'Unsqueeze', 13, [x(3), ints(-1, 0)]),
  one('Reshape with allowzero', 'Reshape', 14, [x(0, 3, 4), ints(4, 0, 3)], { allowzero: 1 }),
  one('Reshape with 0 and -1', 'Reshape', 13, [x(2, 3, 4), ints(0, -1)]),
  one('Transpose by default', 'Transpose', 13, [x(2, 3, 4)]),
  one('DepthToSpace, columns first', 'DepthToSpace', 13, [x(1, 8, 2, 3)], {
    blocksize: 2,
    mode: 'CRD',
  }),
  one('SpaceToDepth', 'SpaceToDepth', 13, [x(1, 2, 4, 6)], { blocksize: 2 }),
  one('Concat of nothing and something', 'Concat', 13, [x(2, 0), x(2, 3)], { axis: -1 }),
  one(
    'Range of floats',
    'Range',
    11,
    [0.5, 3, 0.75].map((value) => ({ floats: [value], dims: [] })),
  ),
  one('ConstantOfShape', 'ConstantOfShape', 11, [ints(2, 0, 3)]),
  one('Pad by an attribute', 'Pad', 10, [x(3, 4)], { pads: [1, 0, 0, 2], value: float(1.5) }),
  one('Pad that crops', 'Pad', 13, [x(3, 5), ints(-1, 1, 0, -2)]),
  ...['reflect', 'edge'].map((mode) =>
    one(`Pad, ${mode}`, 'Pad', 13, [x(3, 5), ints(2, 1, 1, 4)], { mode }),
  ),
  one('Pad, wrap', 'Pad', 19, [x(3, 5), ints(2, 1, 1, 4)], { mode: 'wrap' }),
  one('Pad along some axes', 'Pad', 18, [x(3, 5), ints(2, 1), undefined, ints(-1)]),

  one('Upsample', 'Upsample', 9, [x(1, 2, 3, 4), floats(1, 1, 2, 3)], { mode: 'nearest' }),
  one('Upsample linearly', 'Upsample', 9, [x(1, 2, 3, 4), floats(1, 1, 2, 3)], { mode: 'linear' }),
  one('Resize of version 10', 'Resize', 10, [x(1, 2, 3, 4), floats(1, 1, 2, 1.5)], {
    mode: 'linear',
  }),
  ...normal.flatMap((coordinate_transformation_mode) => [
    ...['nearest', 'linear', 'cubic'].flatMap((mode) => [
      resize(
        `Resize up, ${mode} ${coordinate_transformation_mode}`,
        [1, 2, 4, 5],
        { scales: [1, 1, 2, 3] },
        { mode, coordinate_transformation_mode },
      ),
      resize(
        `Resize to sizes, ${mode} ${coordinate_transformation_mode}`,
        [1, 2, 8, 6],
        { sizes: [1, 2, 5, 9] },
        { mode, coordinate_transformation_mode },
      ),
    ]),
  ]),
  ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((nearest_mode) =>
    resize(
      `Resize, ${nearest_mode}`,
      [1, 1, 6, 4],
      { sizes: [1, 1, 4, 7] },
      { mode: 'nearest', nearest_mode },
    ),
  ),
  ...['linear', 'cubic'].map((mode) =>
    resize(
      `Resize down, ${mode} with antialias`,
      [1, 1, 9, 8],
      { sizes: [1, 1, 4, 5] },
      { mode, antialias: 1 },
    ),
  ),
  resize(
    'Resize without the outside',
    [1, 1, 5, 4],
    { scales: [1, 1, 0.8, 1.7] },
    {
      mode: 'cubic',
      exclude_outside: 1,
      cubic_coeff_a: float(-0.5),
    },
  ),
  resize(
    'Resize of a region',
    [1, 1, 5, 6],
    { sizes: [1, 1, 4, 3], roi: [0, 0, 0.4, 0.2, 1, 1, 0.9, 1.4] },
    {
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: float(7),
    },
  ),
  resize(
    'Resize inside of a box',
    [1, 1, 5, 8],
    { sizes: [10, 10] },
    {
      mode: 'linear',
      axes: [2, 3],
      keep_aspect_ratio_policy: 'not_larger',
    },
  ),
  resize(
    'Resize over a box',
    [1, 1, 5, 8],
    { sizes: [10, 10] },
    {
      mode: 'nearest',
      axes: [2, 3],
      keep_aspect_ratio_policy: 'not_smaller',
    },
  ),
];

agreeWithOnnxRuntime(cases);
