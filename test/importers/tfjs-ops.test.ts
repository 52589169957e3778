// Operators of graph models over many attributes: compiled, they give what TF.js gives.

import type { Tensor } from '@espalier/ir';
import { agreeWithTfjs, type Case, type Input } from '../support/against-tfjs.ts';
import { seeded } from '../support/hostile.ts';
import { attr, floats, scalar, whole } from '../support/tfjs-model.ts';

const random = seeded(11);
const image = [1, 7, 6, 4] as const;
const { int, ints, float, flag, text, texts, type } = attr;
const filter = (...shape: readonly number[]): Tensor => {
  const count = shape.reduce((n, extent) => n * extent, 1);
  return floats(
    shape,
    Array.from({ length: count }, () => 2 * random() - 1),
  );
};
const i32 = (...shape: number[]): Input => ({ input: 'i32', shape });
const bool = (...shape: number[]): Input => ({ input: 'bool', shape });
const number = (value: number): Tensor => floats([], [value]);
const matrix = (shape: readonly number[], ...values: readonly number[]): Tensor => ({
  type: { dtype: 'i32', shape },
  data: Int32Array.from(values),
});

const convolutions: Case[] = [
  ...['SAME', 'VALID'].flatMap((padding) =>
    [
      [1, 1],
      [2, 1],
      [3, 1],
      [1, 2],
    ].flatMap(([stride, dilation]): Case[] => {
      const slide = {
        strides: ints([1, stride!, stride!, 1]),
        dilations: ints([1, dilation!, dilation!, 1]),
        padding: text(padding),
      };
      const title = `${padding} by ${stride}, dilated by ${dilation}`;
      const possible = stride === 1 || dilation === 1;
      return [
        { title, op: 'Conv2D', operands: [image, filter(3, 2, 4, 5)], attrs: slide },
        {
          title: `fused, ${title}`,
          op: '_FusedConv2D',
          operands: [image, filter(3, 3, 4, 5), filter(5)],
          attrs: { ...slide, fused_ops: texts(['BiasAdd', 'Relu6']), num_args: int(1) },
        },
        {
          title: `fused with Prelu, ${title}`,
          op: '_FusedConv2D',
          operands: [image, filter(3, 3, 4, 5), filter(5), filter(1, 1, 5)],
          attrs: { ...slide, fused_ops: texts(['BiasAdd', 'Prelu']), num_args: int(2) },
        },
        {
          title: `fused with LeakyRelu, ${title}`,
          op: '_FusedConv2D',
          operands: [image, filter(2, 2, 4, 3), filter(3)],
          attrs: {
            ...slide,
            fused_ops: texts(['BiasAdd', 'LeakyRelu']),
            num_args: int(1),
            leakyrelu_alpha: float(0.3),
          },
        },
        ...(possible
          ? [
              {
                title,
                op: 'DepthwiseConv2dNative',
                operands: [image, filter(3, 2, 4, 2)],
                attrs: slide,
              },
              {
                title: `fused, ${title}`,
                op: 'FusedDepthwiseConv2dNative',
                operands: [image, filter(3, 3, 4, 1), filter(4)],
                attrs: { ...slide, fused_ops: texts(['BiasAdd', 'Relu']), num_args: int(1) },
              },
            ]
          : []),
      ];
    }),
  ),
  ...['SAME', 'VALID'].flatMap((padding) =>
    ['MaxPool', 'AvgPool'].flatMap((op) =>
      [1, 2, 3].map(
        (stride): Case => ({
          title: `${padding} by ${stride}`,
          op,
          operands: [image],
          attrs: {
            ksize: ints([1, 3, 2, 1]),
            strides: ints([1, stride, stride, 1]),
            padding: text(padding),
          },
        }),
      ),
    ),
  ),
  ...(
    [
      ['SAME', 2, 14, 11],
      ['SAME', 1, 7, 6],
      ['VALID', 2, 15, 13],
      ['VALID', 1, 9, 8],
    ] as const
  ).map(
    ([padding, stride, h, w]): Case => ({
      title: `${padding} by ${stride}`,
      op: 'Conv2DBackpropInput',
      operands: [whole(1, h, w, 3), filter(3, 3, 3, 4), image],
      attrs: { strides: ints([1, stride, stride, 1]), padding: text(padding) },
    }),
  ),
  {
    title: 'explicit padding',
    op: 'Conv2D',
    operands: [image, filter(3, 3, 4, 2)],
    attrs: {
      strides: ints([1, 2, 2, 1]),
      padding: text('EXPLICIT'),
      explicit_paddings: ints([0, 0, 1, 2, 0, 1, 0, 0]),
      dilations: ints([1, 1, 1, 1]),
      data_format: text('NHWC'),
    },
  },
  {
    title: 'over a sequence',
    op: 'Conv1D',
    operands: [[2, 9, 4], filter(3, 4, 5)],
    attrs: { stride: int(2), padding: text('SAME'), data_format: text('NWC'), dilation: int(1) },
  },
  {
    title: 'over a volume',
    op: 'Conv3D',
    operands: [[1, 4, 5, 6, 2], filter(2, 3, 2, 2, 3)],
    attrs: {
      strides: ints([1, 1, 2, 1, 1]),
      padding: text('SAME'),
      dilations: ints([1, 1, 1, 1, 1]),
      data_format: text('NDHWC'),
    },
  },
  ...['MaxPool3D', 'AvgPool3D'].map(
    (op): Case => ({
      title: 'over a volume',
      op,
      operands: [[1, 4, 5, 6, 2]],
      attrs: {
        ksize: ints([1, 2, 3, 2, 1]),
        strides: ints([1, 1, 2, 2, 1]),
        padding: text('SAME'),
      },
    }),
  ),
];

const unary: Case[] = [
  ...[
    'Abs',
    'Acos',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Ceil',
    'Cos',
    'Cosh',
    'Elu',
    'Erf',
    'Exp',
    'Expm1',
    'Floor',
    'IsFinite',
    'IsInf',
    'IsNan',
    'Neg',
    'Relu',
    'Relu6',
    'Selu',
    'Sigmoid',
    'Sign',
    'Sin',
    'Sinh',
    'Softplus',
    'Square',
    'Tan',
    'Tanh',
    'ZerosLike',
    'OnesLike',
    'Round',
  ].map((op): Case => ({ title: 'floats', op, operands: [[3, 5]], range: [-0.99, 0.99] })),
  ...['Log', 'Log1p', 'Rsqrt', 'Sqrt', 'Reciprocal', 'Acosh'].map(
    (op): Case => ({ title: 'floats', op, operands: [[3, 5]], range: [1.1, 3] }),
  ),
  ...['Abs', 'Neg', 'Sign', 'Square', 'Relu', 'Exp'].map(
    (op): Case => ({ title: 'integers', op, operands: [i32(3, 4)], range: [0, 9] }),
  ),
  {
    title: 'slope 0.3',
    op: 'LeakyRelu',
    operands: [[3, 5]],
    attrs: { alpha: float(0.3) },
  },
  {
    title: 'bounds',
    op: 'ClipByValue',
    operands: [[3, 5], number(-0.2), number(0.4)],
  },
  { title: 'truths', op: 'LogicalNot', operands: [bool(3, 4)] },
  ...(['DT_INT32', 'DT_BOOL', 'DT_FLOAT'] as const).flatMap((to) => [
    {
      title: `floats to ${to}`,
      op: 'Cast',
      operands: [[3, 5]],
      attrs: { DstT: type(to) },
      range: [-3, 3] as const,
    },
    { title: `integers to ${to}`, op: 'Cast', operands: [i32(3)], attrs: { DstT: type(to) } },
    { title: `truths to ${to}`, op: 'Cast', operands: [bool(5)], attrs: { DstT: type(to) } },
  ]),
];

const binary: Case[] = [
  ...[
    'Add',
    'AddV2',
    'Sub',
    'Mul',
    'RealDiv',
    'Div',
    'DivNoNan',
    'FloorDiv',
    'FloorMod',
    'Mod',
    'Maximum',
    'Minimum',
    'SquaredDifference',
    'Equal',
    'NotEqual',
    'Greater',
    'GreaterEqual',
    'Less',
    'LessEqual',
    'Atan2',
    'Prelu',
  ].flatMap((op): Case[] => [
    {
      title: 'floats',
      op,
      operands: [
        [3, 5],
        [3, 5],
      ],
    },
    {
      title: 'floats, broadcast',
      op,
      operands: [
        [2, 3, 5],
        [3, 1],
      ],
    },
    ...(['Atan2', 'Prelu', 'DivNoNan'].includes(op)
      ? []
      : [{ title: 'integers', op, operands: [i32(3, 4), whole(3, -2, 4, 7)] }]),
  ]),
  { title: 'floats', op: 'Pow', operands: [[3, 5], [5]], range: [0.1, 2] },
  ...['LogicalAnd', 'LogicalOr'].map(
    (op): Case => ({ title: 'truths', op, operands: [bool(3, 4), bool(4)] }),
  ),
  { title: 'channels', op: 'BiasAdd', operands: [image, filter(4)] },
  {
    title: 'three',
    op: 'AddN',
    operands: [
      [3, 4],
      [3, 4],
      [3, 4],
    ],
  },
  { title: 'whole', op: 'Select', operands: [bool(3, 4), [3, 4], [3, 4]] },
  { title: 'broadcast', op: 'SelectV2', operands: [bool(3, 1), [3, 4], [4]] },
];

const reductions: Case[] = ['Sum', 'Mean', 'Max', 'Min', 'Prod'].flatMap((op) => [
  ...[[1], [0, 2], [-1], [0, 1, 2]].map(
    (axes): Case => ({ title: `along ${axes}`, op, operands: [[2, 3, 4], whole(...axes)] }),
  ),
  {
    title: 'kept',
    op,
    operands: [[2, 3, 4], whole(1, 2)],
    attrs: { keep_dims: flag(true) },
  },
]);

const others: Case[] = [
  ...['All', 'Any'].map((op): Case => ({ title: 'axis 1', op, operands: [bool(3, 4), scalar(1)] })),
  ...['ArgMax', 'ArgMin'].flatMap((op) =>
    [0, 1, -1].map(
      (axis): Case => ({
        title: `along ${axis}`,
        op,
        operands: [[3, 4, 5], scalar(axis)],
      }),
    ),
  ),
  ...[true, false].flatMap((exclusive) =>
    [true, false].map(
      (reverse): Case => ({
        title: `exclusive: ${exclusive}, reverse: ${reverse}`,
        op: 'Cumsum',
        operands: [[3, 4], scalar(1)],
        attrs: { exclusive: flag(exclusive), reverse: flag(reverse) },
      }),
    ),
  ),
  ...[true, false].flatMap((exclusive) =>
    [true, false].map(
      (reverse): Case => ({
        title: `exclusive: ${exclusive}, reverse: ${reverse}`,
        op: 'Cumprod',
        operands: [[3, 4], scalar(1)],
        attrs: { exclusive: flag(exclusive), reverse: flag(reverse) },
      }),
    ),
  ),
  { title: 'last axis', op: 'Softmax', operands: [[3, 4]] },
  { title: 'last axis', op: 'LogSoftmax', operands: [[3, 4]] },
  {
    title: 'of images',
    op: 'FusedBatchNormV3',
    operands: [image, filter(4), filter(4), filter(4), floats([4], [0.5, 1, 2, 0.1])],
    attrs: { epsilon: float(0.01), is_training: flag(false) },
  },
  {
    title: 'of channels',
    op: 'LRN',
    operands: [[1, 3, 3, 9]],
    attrs: { depth_radius: int(2), bias: float(1.5), alpha: float(0.4), beta: float(0.7) },
  },
  ...[true, false].flatMap((a) =>
    [true, false].map(
      (b): Case => ({
        title: `transposed: ${a}, ${b}`,
        op: 'MatMul',
        operands: [a ? [4, 3] : [3, 4], b ? filter(5, 4) : filter(4, 5)],
        attrs: { transpose_a: flag(a), transpose_b: flag(b) },
      }),
    ),
  ),
  {
    title: 'bias and relu',
    op: '_FusedMatMul',
    operands: [[3, 4], filter(4, 5), filter(5)],
    attrs: { fused_ops: texts(['BiasAdd', 'Relu']), num_args: int(1) },
  },
  ...[true, false].map(
    (adjoint): Case => ({
      title: `adjoint: ${adjoint}`,
      op: 'BatchMatMulV2',
      operands: [[2, 3, 4], adjoint ? filter(2, 5, 4) : filter(2, 4, 5)],
      attrs: { adj_x: flag(false), adj_y: flag(adjoint) },
    }),
  ),
  {
    title: 'bij,bjk->bik',
    op: 'Einsum',
    operands: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    attrs: { equation: text('bij,bjk->bik') },
  },
  ...[true, false].flatMap((corners) =>
    (corners ? [false] : [true, false]).flatMap((centres) =>
      ['ResizeBilinear', 'ResizeNearestNeighbor'].flatMap((op) =>
        [
          [14, 12],
          [5, 9],
          [7, 6],
          [3, 4],
        ].map(
          (size): Case => ({
            title: `to ${size}, corners: ${corners}, centres: ${centres}`,
            op,
            operands: [image, whole(...size)],
            attrs: { align_corners: flag(corners), half_pixel_centers: flag(centres) },
          }),
        ),
      ),
    ),
  ),
];

const movers: Case[] = [
  { title: 'to [5, -1]', op: 'Reshape', operands: [[3, 4, 5], whole(5, -1)] },
  {
    title: 'two axes',
    op: 'Squeeze',
    operands: [[1, 3, 1, 4]],
    attrs: { squeeze_dims: ints([0]) },
  },
  { title: 'all', op: 'Squeeze', operands: [[1, 3, 1, 4]] },
  { title: 'in the middle', op: 'ExpandDims', operands: [[3, 4], scalar(1)] },
  { title: 'at the end', op: 'ExpandDims', operands: [[3, 4], scalar(-1)] },
  { title: 'of three axes', op: 'Transpose', operands: [[2, 3, 4], whole(2, 0, 1)] },
  {
    title: 'axis 1',
    op: 'Pack',
    operands: [
      [3, 4],
      [3, 4],
    ],
    attrs: { axis: int(1) },
  },
  {
    title: 'axis 1',
    op: 'Unpack',
    operands: [[3, 4]],
    attrs: { axis: int(1), num: int(4) },
    results: 4,
  },
  { title: 'to the end', op: 'Slice', operands: [[3, 4, 5], whole(1, 0, 2), whole(2, -1, 2)] },
  {
    title: 'by steps',
    op: 'StridedSlice',
    operands: [[5, 6], whole(4, 1), whole(0, 6), whole(-2, 2)],
  },
  {
    title: 'by masks',
    op: 'StridedSlice',
    operands: [[5, 6, 3], whole(1, 2, 0), whole(4, 0, 1), whole(1, 1, 1)],
    attrs: { end_mask: int(2), shrink_axis_mask: int(4), begin_mask: int(1) },
  },
  {
    title: 'with dots and a new axis',
    op: 'StridedSlice',
    operands: [[5, 6, 3], whole(0, 0, 1), whole(0, 0, 2), whole(1, 1, 1)],
    attrs: { ellipsis_mask: int(1), new_axis_mask: int(2), shrink_axis_mask: int(4) },
  },
  {
    title: 'equal',
    op: 'Split',
    operands: [scalar(1), [3, 6]],
    attrs: { num_split: int(3) },
    results: 3,
  },
  {
    title: 'by sizes',
    op: 'SplitV',
    operands: [[3, 6], whole(1, -1, 2), scalar(1)],
    attrs: { num_split: int(3) },
    results: 3,
  },
  { title: 'axis 1', op: 'ConcatV2', operands: [[3, 4], [3, 2], scalar(1)] },
  { title: 'axis 0', op: 'Concat', operands: [scalar(0), [3, 4], [2, 4]] },
  { title: 'zeros', op: 'Pad', operands: [[3, 4], matrix([2, 2], 1, 0, 2, 3)] },
  { title: 'a value', op: 'PadV2', operands: [[3, 4], matrix([2, 2], 1, 0, 2, 3), number(7)] },
  ...['REFLECT', 'SYMMETRIC'].map(
    (mode): Case => ({
      title: mode,
      op: 'MirrorPad',
      operands: [[3, 4], matrix([2, 2], 1, 2, 2, 3)],
      attrs: { mode: text(mode) },
    }),
  ),
  { title: 'one axis', op: 'ReverseV2', operands: [[3, 4, 2], whole(1)] },
  { title: 'of two axes', op: 'Tile', operands: [[3, 4], whole(2, 3)] },
  { title: 'to [2, 3, 4]', op: 'BroadcastTo', operands: [[3, 1], whole(2, 3, 4)] },
  { title: 'axis 1', op: 'GatherV2', operands: [[3, 4, 2], whole(3, 0, 1), scalar(1)] },
  {
    title: 'in batches',
    op: 'GatherV2',
    operands: [[2, 4, 3], matrix([2, 2], 1, 3, 0, 2), scalar(1)],
    attrs: { batch_dims: int(1) },
  },
  { title: 'places', op: 'GatherNd', operands: [[3, 4, 2], matrix([2, 2], 1, 3, 2, 0)] },
  {
    title: 'places',
    op: 'ScatterNd',
    operands: [matrix([3, 1], 4, 1, 4), [3, 2], whole(6, 2)],
  },
  {
    title: 'places',
    op: 'TensorScatterUpdate',
    operands: [[5, 2], matrix([2, 1], 4, 1), [2, 2]],
  },
  {
    title: 'places',
    op: 'SparseToDense',
    operands: [matrix([3, 2], 0, 1, 2, 3, 1, 1), whole(3, 4), [3], number(0.5)],
  },
  {
    title: 'of five',
    op: 'OneHot',
    operands: [whole(1, 0, 4, 7), scalar(5), number(2), number(-1)],
  },
  { title: 'three of an axis', op: 'TopKV2', operands: [[2, 7], scalar(3)], results: 2 },
  {
    title: 'block 2',
    op: 'DepthToSpace',
    operands: [[1, 3, 4, 12]],
    attrs: { block_size: int(2), data_format: text('NHWC') },
  },
  {
    title: 'blocks',
    op: 'SpaceToBatchND',
    operands: [[2, 5, 6, 3], whole(2, 3), matrix([2, 2], 1, 0, 2, 1)],
  },
  {
    title: 'blocks',
    op: 'BatchToSpaceND',
    operands: [[12, 3, 4, 2], whole(2, 3), matrix([2, 2], 1, 0, 2, 1)],
  },
  { title: 'of a shape', op: 'Fill', operands: [whole(2, 3), number(4)] },
  { title: 'of integers', op: 'Range', operands: [scalar(2), scalar(11), scalar(3)] },
  { title: 'of five', op: 'LinSpace', operands: [number(-1), number(2), scalar(5)] },
  { title: 'of a tensor', op: 'Shape', operands: [[3, 4, 2]] },
  { title: 'of a tensor', op: 'Size', operands: [[3, 4, 2]] },
  { title: 'of a tensor', op: 'Rank', operands: [[3, 4, 2]] },
  {
    title: 'of two',
    op: 'ShapeN',
    operands: [[3, 4], [2]],
    attrs: { N: int(2) },
    results: 2,
  },
  {
    title: 'of shapes',
    op: 'BroadcastArgs',
    operands: [whole(3, 1), whole(2, 1, 4)],
  },
  ...['LowerBound', 'UpperBound'].map(
    (op): Case => ({
      title: 'of sorted rows',
      op,
      operands: [floats([2, 5], [-0.8, -0.2, 0.1, 0.1, 0.6, -0.5, 0, 0.3, 0.4, 0.9]), [2, 4]],
    }),
  ),
];

agreeWithTfjs([...convolutions, ...unary, ...binary, ...reductions, ...others, ...movers]);
