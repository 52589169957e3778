// Operators of `com.microsoft`, against the engine that invented them.

import { agreeWithOnnxRuntime, type Case, float, x } from '../support/against-onnxruntime.ts';
import type { OneNode, Operand } from '../support/onnx-model.ts';

const fused = (
  title: string,
  op: string,
  operands: readonly Operand[],
  attributes: OneNode['attributes'] = {},
  outputs = 1,
): Case => [
  `${op}${title && `, ${title}`}`,
  { op, opset: 1, domain: 'com.microsoft', operands, attributes, outputs },
];

const small = (element: 'uint8' | 'int8' | 'int32', dims: number[], ...values: number[]) => ({
  values,
  element,
  dims,
});
const number = (value: number) => ({ floats: [value], dims: [] });
const bytes = (...shape: number[]) => ({ shape, element: 'uint8' as const, below: 256 });
const signed = (...shape: number[]) => ({ shape, element: 'int8' as const, below: 128 });
const places = (limit: number, ...shape: number[]) => ({
  shape,
  element: 'int32' as const,
  below: limit,
});

const activations: readonly Case[] = [
  fused('', 'Gelu', [x(3, 8)]),
  fused('', 'FastGelu', [x(3, 8), x(8)]),
  fused('', 'BiasGelu', [x(3, 8), x(8)]),
  fused('', 'QuickGelu', [x(3, 8)], { alpha: float(1.5) }),
];

const layers: readonly Case[] = [
  ...['Relu', 'Sigmoid', 'Tanh'].map((activation) =>
    fused(activation, 'FusedConv', [x(1, 3, 6, 5), x(4, 3, 3, 3), x(4)], {
      activation,
      pads: [1, 1, 1, 1],
    }),
  ),
  fused('LeakyRelu', 'FusedConv', [x(1, 3, 6, 5), x(4, 3, 3, 3)], {
    activation: 'LeakyRelu',
    activation_params: { floats: [0.3] },
  }),
  fused('Clip', 'FusedConv', [x(1, 3, 6, 5), x(4, 3, 3, 3)], {
    activation: 'Clip',
    activation_params: { floats: [-1, 6] },
  }),
  fused('after a sum', 'FusedConv', [x(1, 3, 6, 5), x(4, 3, 3, 3), x(4), x(1, 4, 4, 3)], {
    activation: 'Relu',
  }),
  fused('Relu', 'FusedGemm', [x(3, 4), x(5, 4), x(5)], { transB: 1, activation: 'Relu' }),
  fused('LeakyRelu', 'FusedGemm', [x(3, 4), x(4, 5), x(5)], {
    activation: 'LeakyRelu',
    activation_alpha: float(0.2),
  }),
  fused('transposed', 'FusedMatMul', [x(2, 4, 3), x(2, 5, 4)], {
    transA: 1,
    transB: 1,
    alpha: float(0.25),
  }),
  fused('batches inside', 'FusedMatMul', [x(3, 2, 4), x(2, 4, 5)], { transBatchA: 1 }),
];

const norms: readonly Case[] = [
  fused('', 'SkipLayerNormalization', [x(2, 3, 8), x(2, 3, 8), x(8), x(8), x(8)]),
  fused('', 'SkipSimplifiedLayerNormalization', [x(2, 3, 8), x(2, 3, 8), x(8)], {
    epsilon: float(1e-6),
  }),
  fused(
    '',
    'EmbedLayerNormalization',
    [places(11, 2, 5), places(2, 2, 5), x(11, 8), x(6, 8), x(2, 8), x(8), x(8), places(2, 2, 5)],
    {},
    2,
  ),
  [
    'SimplifiedLayerNormalization',
    { op: 'SimplifiedLayerNormalization', opset: 17, operands: [x(2, 3, 8), x(8)] },
  ],
];

const heads = { num_heads: 2 };
const projected = [x(2, 3, 8), x(8, 24), x(24)];

const attention: readonly Case[] = [
  fused('plain', 'Attention', projected, heads),
  fused('causal', 'Attention', projected, { ...heads, unidirectional: 1 }),
  fused('lengths', 'Attention', [...projected, small('int32', [2], 2, 3)], heads),
  fused('a mask', 'Attention', [...projected, small('int32', [2, 3], 1, 1, 0, 1, 1, 1)], heads),
  fused('a past', 'Attention', [...projected, undefined, x(2, 2, 2, 5, 4)], heads, 2),
  fused('', 'MultiHeadAttention', [x(2, 3, 8), x(2, 5, 8), x(2, 5, 8), x(24)], heads),
  fused(
    'a mask and a bias',
    'MultiHeadAttention',
    [
      x(2, 3, 8),
      x(2, 5, 8),
      x(2, 5, 8),
      undefined,
      small('int32', [2, 5], 1, 1, 0, 1, 0, 1, 1, 1, 1, 1),
      x(1, 2, 3, 5),
    ],
    { ...heads, scale: float(0.3) },
  ),
  fused(
    'a past',
    'MultiHeadAttention',
    [
      x(2, 3, 8),
      x(2, 3, 8),
      x(2, 3, 8),
      undefined,
      undefined,
      undefined,
      x(2, 2, 4, 4),
      x(2, 2, 4, 4),
    ],
    heads,
    3,
  ),
  ...[0, 1].map((interleaved) =>
    fused(
      `interleaved ${interleaved}`,
      'RotaryEmbedding',
      [x(2, 3, 8), { ints: [0, 2, 1, 4, 3, 0], dims: [2, 3] }, x(5, 2), x(5, 2)],
      { interleaved, num_heads: 2, rotary_embedding_dim: 4 },
    ),
  ),
];

const eight = [bytes(3, 7), number(0.03), small('uint8', [], 120)];
const other = [bytes(3, 7), number(0.01), small('uint8', [], 30)];
const result = [number(0.05), small('uint8', [], 100)];
const image = [bytes(1, 4, 6, 5), number(0.03), small('uint8', [], 120)];

const quantized: readonly Case[] = [
  fused('', 'QLinearAdd', [...eight, ...other, ...result]),
  fused('', 'QLinearMul', [...eight, ...other, ...result]),
  fused('', 'QLinearSigmoid', [...eight, number(1 / 256), small('uint8', [], 0)]),
  fused('', 'QLinearSoftmax', [...eight, number(1 / 256), small('uint8', [], 0)], { opset: 13 }),
  fused('', 'QLinearLeakyRelu', [...eight, ...result], { alpha: float(0.1) }),
  fused('', 'QLinearConcat', [...result, ...eight, ...other], { axis: 1 }),
  fused('', 'QLinearGlobalAveragePool', [...image, ...result]),
  fused('', 'MatMulIntegerToFloat', [
    bytes(3, 64),
    signed(64, 5),
    number(0.02),
    number(0.01),
    small('uint8', [], 113),
    small('int8', [], 4),
    x(5),
  ]),
];

const blocks: readonly Case[] = [
  fused(
    '',
    'QGemm',
    [
      bytes(3, 8),
      number(0.02),
      small('uint8', [], 113),
      signed(5, 8),
      { floats: [0.01, 0.02, 0.03, 0.01, 0.02] },
      small('int8', [5], 4, 3, 2, 1, 0),
      small('int32', [5], 100, -100, 5, 7, 9),
      number(0.1),
      small('uint8', [], 128),
    ],
    { transB: 1 },
  ),
  fused('as floats', 'QGemm', [
    bytes(3, 8),
    number(0.02),
    small('uint8', [], 113),
    bytes(8, 5),
    number(0.01),
    small('uint8', [], 7),
  ]),
  fused('', 'DynamicQuantizeMatMul', [
    x(3, 8),
    signed(8, 5),
    number(0.01),
    small('int8', [], 4),
    x(5),
  ]),
  ...[false, true].map((zeros) =>
    fused(
      zeros ? 'zero points' : '',
      'MatMulNBits',
      [
        x(2, 40),
        small('uint8', [3, 2, 16], ...Array.from({ length: 96 }, (_, n) => (n * 37) % 256)),
        { floats: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] },
        ...(zeros ? [small('uint8', [3], 0x75, 0xa8, 0x31)] : []),
      ],
      { K: 40, N: 3, bits: 4, block_size: 32 },
    ),
  ),
];

agreeWithOnnxRuntime([...blocks, ...activations, ...layers, ...norms, ...attention, ...quantized]);
