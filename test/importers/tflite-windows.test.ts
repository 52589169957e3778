// TFLite's convolutions, pools and products over many attributes, against LiteRT.

import { agreeWithLiteRt, type Case, ints, weights, x } from '../support/against-litert.ts';
import type { Field } from '../support/write-tflite.ts';

const pads = ['SAME', 'VALID'] as const;
const activations = ['none', 'relu', 'relu_n1_to_1', 'relu6'] as const;

interface Sliding {
  readonly pad: 'SAME' | 'VALID';
  readonly stride: readonly [number, number];
}

const sliding = ({ pad, stride: [rows, columns] }: Sliding): Field[] => [
  [0, 'i8', pads.indexOf(pad)],
  [1, 'i32', columns],
  [2, 'i32', rows],
];

const conv = (
  title: string,
  image: readonly number[],
  filter: readonly number[],
  slide: Sliding,
  { dilation = [1, 1], act = 0 } = {},
): Case => [
  `a convolution ${title}`,
  {
    builtin: 3,
    options: 1,
    version: 2,
    operands: [x(...image), weights(...filter), weights(filter[0]!)],
    fields: [...sliding(slide), [3, 'i8', act], [4, 'i32', dilation[1]!], [5, 'i32', dilation[0]!]],
  },
];

const depthwise = (
  title: string,
  image: readonly number[],
  filter: readonly number[],
  slide: Sliding,
  { dilation = [1, 1], act = 0 } = {},
): Case => [
  `a depthwise convolution ${title}`,
  {
    builtin: 4,
    options: 2,
    version: 2,
    operands: [x(...image), weights(...filter), weights(filter[3]!)],
    fields: [
      ...sliding(slide),
      [3, 'i32', filter[3]! / image[3]!],
      [4, 'i8', act],
      [5, 'i32', dilation[1]!],
      [6, 'i32', dilation[0]!],
    ],
  },
];

const pool = (
  title: string,
  builtin: number,
  image: readonly number[],
  kernel: readonly [number, number],
  slide: Sliding,
  act = 0,
): Case => [
  `${['an average', 'a maximum'][Number(builtin === 17)]} pool ${title}`,
  {
    builtin,
    options: 5,
    operands: [x(...image)],
    fields: [...sliding(slide), [3, 'i32', kernel[1]], [4, 'i32', kernel[0]], [5, 'i8', act]],
  },
];

const up = (
  title: string,
  size: readonly number[],
  image: readonly number[],
  filter: readonly number[],
  slide: Sliding,
  { bias = false, act = 0 } = {},
): Case => [
  `a transposed convolution ${title}`,
  {
    builtin: 67,
    options: 49,
    version: bias ? 3 : 1,
    operands: [
      ints(...size),
      weights(...filter),
      x(...image),
      ...(bias ? [weights(filter[0]!)] : []),
    ],
    fields: [...sliding(slide), [3, 'i8', act]],
  },
];

const dense = (
  title: string,
  image: readonly number[],
  matrix: readonly number[],
  { act = 0, keep = false, bias = true } = {},
): Case => [
  `a fully connected layer ${title}`,
  {
    builtin: 9,
    options: 8,
    version: 5,
    operands: [x(...image), weights(...matrix), bias ? weights(matrix[0]!) : undefined],
    fields: [
      [0, 'i8', act],
      [2, 'bool', keep],
    ],
  },
];

const product = (
  a: readonly number[],
  b: readonly number[],
  left: boolean,
  right: boolean,
): Case => [
  `a product of [${a}] by [${b}]`,
  {
    builtin: 126,
    options: 101,
    operands: [x(...a), x(...b)],
    fields: [
      [0, 'bool', left],
      [1, 'bool', right],
    ],
  },
];

const same = (...stride: [number, number]): Sliding => ({ pad: 'SAME', stride });
const valid = (...stride: [number, number]): Sliding => ({ pad: 'VALID', stride });

const volume = (
  { stride, pad }: { readonly stride: readonly number[]; readonly pad: 'SAME' | 'VALID' },
  act = 0,
): Field[] => [
  [0, 'i8', pads.indexOf(pad)],
  [1, 'i32', stride[0]!],
  [2, 'i32', stride[2]!],
  [3, 'i32', stride[1]!],
  [4, 'i8', act],
  [5, 'i32', 1],
  [6, 'i32', 1],
  [7, 'i32', 1],
];

const volumes: readonly Case[] = (
  [
    { pad: 'SAME', stride: [1, 1, 1] },
    { pad: 'SAME', stride: [1, 2, 2] },
    { pad: 'VALID', stride: [2, 1, 2] },
  ] as const
).flatMap((slide): Case[] => {
  const title = `of volumes, ${slide.pad}, ${slide.stride.join(' by ')}`;
  const whole = [5, 6, 7];
  const kernel = [3, 2, 3];
  const beyond = whole.map((extent, i) =>
    slide.pad === 'SAME'
      ? Math.ceil(extent / slide.stride[i]!)
      : Math.floor((extent - kernel[i]!) / slide.stride[i]!) + 1,
  );
  // LiteRT 2.5 cuts depth where height's padding ends: it differs from plain loops unless all axes are padded alike.
  const alike = slide.pad === 'VALID' || slide.stride.every((step) => step === 1);
  const upward: readonly Case[] = alike
    ? [
        [
          `an upward convolution ${title}`,
          {
            builtin: 141,
            options: 106,
            operands: [
              ints(1, ...whole, 3),
              weights(...(slide.pad === 'SAME' ? [3, 3, 3] : kernel), 3, 2),
              x(1, ...beyond, 2),
              weights(3),
            ],
            fields: volume(slide),
          },
        ],
      ]
    : [];
  return [
    [
      `a convolution ${title}`,
      {
        builtin: 132,
        options: 106,
        operands: [x(1, ...whole, 2), weights(...kernel, 2, 3), weights(3)],
        fields: volume(slide, 1),
      },
    ],
    ...upward,
  ];
});

agreeWithLiteRt([
  ...volumes,
  ...activations.map((name, act) =>
    conv(`with ${name}`, [1, 5, 6, 3], [4, 3, 3, 3], same(1, 1), { act }),
  ),
  conv('of stride 2 over odd extents', [1, 7, 5, 3], [4, 3, 3, 3], same(2, 2)),
  conv('of stride 2 over even extents', [1, 8, 6, 3], [4, 3, 3, 3], same(2, 2)),
  conv('of two strides', [1, 9, 8, 2], [3, 2, 5, 2], same(3, 2)),
  conv('without padding', [2, 6, 7, 2], [3, 3, 2, 2], valid(1, 2)),
  conv('of one pixel', [1, 4, 5, 6], [8, 1, 1, 6], valid(1, 1), { act: 3 }),
  conv('with gaps', [1, 9, 9, 2], [3, 3, 3, 2], same(1, 1), { dilation: [2, 3] }),
  conv('with gaps, unpadded', [1, 9, 9, 2], [3, 3, 3, 2], valid(1, 1), { dilation: [3, 2] }),
  conv('in two groups', [1, 5, 5, 4], [6, 3, 3, 2], same(1, 1)),
  depthwise('of 3 by 3', [1, 6, 7, 5], [1, 3, 3, 5], same(1, 1)),
  depthwise('of stride 2', [1, 7, 6, 4], [1, 3, 3, 4], same(2, 2), { act: 3 }),
  depthwise('of 5 by 5, unpadded', [1, 8, 8, 3], [1, 5, 5, 3], valid(1, 1)),
  depthwise('to twice the channels', [1, 5, 5, 3], [1, 3, 3, 6], same(1, 1)),
  depthwise('with gaps', [1, 9, 9, 4], [1, 3, 3, 4], same(1, 1), { dilation: [2, 2], act: 1 }),
  ...[1, 17].flatMap((kind) => [
    pool('of 2 by 2', kind, [1, 6, 6, 3], [2, 2], valid(2, 2)),
    pool('with padding', kind, [1, 5, 7, 3], [3, 3], same(2, 2)),
    pool('of 2 by 3, stride 1', kind, [2, 5, 5, 2], [2, 3], same(1, 1), 3),
    pool('of all', kind, [1, 4, 6, 8], [4, 6], valid(1, 1)),
  ]),
  [
    'a pool of squares',
    {
      builtin: 12,
      options: 5,
      operands: [x(1, 5, 5, 3)],
      fields: [...sliding(same(2, 2)), [3, 'i32', 3], [4, 'i32', 2]],
    },
  ],
  up('of stride 2', [1, 8, 10, 4], [1, 4, 5, 3], [4, 3, 3, 3], same(2, 2)),
  up('to odd extents', [1, 7, 9, 2], [1, 4, 5, 3], [2, 3, 3, 3], same(2, 2)),
  up('of 2 by 2', [1, 8, 8, 2], [1, 4, 4, 3], [2, 2, 2, 3], valid(2, 2)),
  up('unpadded', [1, 9, 9, 2], [1, 4, 4, 3], [2, 3, 3, 3], valid(2, 2), { bias: true }),
  up('of 4 by 4', [1, 8, 6, 2], [1, 4, 3, 3], [2, 4, 4, 3], same(2, 2), { bias: true, act: 1 }),
  ...activations.map((name, act) => dense(`with ${name}`, [2, 6], [4, 6], { act })),
  dense('of an image', [1, 2, 3, 4], [5, 24]),
  dense('that keeps its axes', [1, 3, 4], [5, 4], { keep: true }),
  dense('without a bias', [3, 4], [5, 4], { bias: false }),
  product([2, 3, 4], [2, 4, 5], false, false),
  product([2, 4, 3], [2, 4, 5], true, false),
  product([2, 3, 4], [2, 5, 4], false, true),
  product([2, 3, 4, 5], [1, 3, 5, 6], false, false),
]);
