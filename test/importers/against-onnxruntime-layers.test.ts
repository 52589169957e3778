// Recurrent layers, quantisation and sums of products, against ONNX Runtime.

import {
  agreeWithOnnxRuntime,
  type Case,
  float,
  floats,
  one,
  x,
} from '../support/against-onnxruntime.ts';
import type { OneNode, Operand } from '../support/onnx-model.ts';

type Element = 'uint8' | 'int8' | 'int32';

const small = (element: Element, dims: number[], ...values: number[]) => ({
  values,
  element,
  dims,
});
const bytes = (...shape: number[]) => ({ shape, element: 'uint8' as const, below: 256 });
const signed = (...shape: number[]) => ({ shape, element: 'int8' as const, below: 128 });

/** Lengths of three sequences of at most five steps. */
const lengths = small('int32', [3], 5, 1, 3);

const gates = { RNN: 1, GRU: 3, LSTM: 4 } as const;

/** Five steps of a batch of three, two inputs and four hidden units. */
function recurrent(
  title: string,
  op: keyof typeof gates,
  attributes: OneNode['attributes'],
  more: { lengths?: true; states?: true; peepholes?: true; bias?: false } = {},
): Case {
  const ways = attributes?.direction === 'bidirectional' ? 2 : 1;
  const g = gates[op];
  const state = more.states && x(ways, 3, 4);
  const lstm = op === 'LSTM';
  const operands: Operand[] = [
    x(5, 3, 2),
    x(ways, g * 4, 2),
    x(ways, g * 4, 4),
    more.bias === false ? undefined : x(ways, 2 * g * 4),
    more.lengths && lengths,
    state,
    ...(lstm ? [state, more.peepholes && x(ways, 12)] : []),
  ];
  while (operands.at(-1) === undefined) operands.pop();
  return one(`${op}, ${title}`, op, 14, operands, { hidden_size: 4, ...attributes }, lstm ? 3 : 2);
}

const layers = (Object.keys(gates) as (keyof typeof gates)[]).flatMap((op): Case[] => [
  recurrent('plain', op, {}, { bias: false }),
  recurrent('reverse', op, { direction: 'reverse' }),
  recurrent('both ways from states', op, { direction: 'bidirectional' }, { states: true }),
  recurrent('with lengths', op, { direction: 'bidirectional' }, { states: true, lengths: true }),
  recurrent('clipped', op, { clip: float(0.5) }),
]);

const cells: readonly Case[] = [
  recurrent('reset late', 'GRU', { linear_before_reset: 1 }),
  recurrent('reset late both ways', 'GRU', {
    linear_before_reset: 1,
    direction: 'bidirectional',
  }),
  recurrent('with peepholes', 'LSTM', {}, { peepholes: true, states: true }),
  recurrent('with coupled gates', 'LSTM', { input_forget: 1 }),
  recurrent('other activations', 'LSTM', {
    activations: { strings: ['HardSigmoid', 'Softsign', 'ScaledTanh'] },
    activation_alpha: { floats: [0.3, 0.7] },
    activation_beta: { floats: [0.4, 1.5] },
  }),
  // ONNX Runtime has no defaults for the numbers of this layer.
  ...['Relu', 'LeakyRelu', 'ThresholdedRelu', 'Elu', 'Softplus', 'Affine'].map((name) =>
    recurrent(`with ${name}`, 'RNN', {
      activations: { strings: [name] },
      activation_alpha: { floats: [0.3] },
      activation_beta: { floats: [0.1] },
    }),
  ),
];

const sums: readonly Case[] = [
  one('Einsum of a batch', 'Einsum', 12, [x(2, 3, 4), x(2, 4, 5)], { equation: 'bij,bjk->bik' }),
  one('Einsum with an ellipsis', 'Einsum', 12, [x(2, 1, 3, 4), x(2, 1, 4, 3)], {
    equation: '...ij,...jk->...ki',
  }),
  one('Einsum of heads', 'Einsum', 12, [x(2, 3, 4, 5), x(2, 6, 4, 5)], {
    equation: 'bqhd,bkhd->bhqk',
  }),
  one('Einsum of a diagonal', 'Einsum', 12, [x(3, 4, 3)], { equation: 'iji->j' }),
  one('Einsum without a result', 'Einsum', 12, [x(3, 4), x(4, 5)], { equation: 'ij, jk' }),
  one('Einsum of three', 'Einsum', 12, [x(3, 4), x(4, 5), x(5)], { equation: 'ij,jk,k->ki' }),
  one('Einsum of sums', 'Einsum', 12, [x(3, 4), x(5, 6)], { equation: 'ij,kl->k' }),
  one('Einsum of an outer product', 'Einsum', 12, [x(3), x(4)], { equation: 'i,j->ji' }),
];

const zeroPoints = [small('uint8', [], 120), small('int8', [], -3), undefined] as const;

const integers: readonly Case[] = [
  ...zeroPoints.map((zero, n) =>
    one(
      `QuantizeLinear ${n}`,
      'QuantizeLinear',
      13,
      [x(3, 40), { floats: [0.0123], dims: [] }, ...(zero ? [zero] : [])],
      {},
    ),
  ),
  one('QuantizeLinear of columns', 'QuantizeLinear', 13, [
    x(3, 4, 2),
    floats(0.01, 0.02, 0.5, 1),
    small('int8', [4], 1, -2, 3, 0),
  ]),
  one(
    'DequantizeLinear of rows',
    'DequantizeLinear',
    13,
    [bytes(3, 4), floats(0.1, 0.2, 0.3), small('uint8', [3], 0, 128, 7)],
    { axis: 0 },
  ),
  one('DynamicQuantizeLinear', 'DynamicQuantizeLinear', 11, [x(3, 7)], {}, 3),
  one('MatMulInteger', 'MatMulInteger', 10, [
    bytes(3, 700),
    signed(700, 5),
    small('uint8', [], 113),
    small('int8', [], 4),
  ]),
  one(
    'ConvInteger',
    'ConvInteger',
    10,
    [bytes(1, 40, 5, 6), bytes(3, 40, 3, 3), small('uint8', [], 7), small('uint8', [], 130)],
    { pads: [1, 1, 1, 1] },
  ),
  one(
    'QLinearMatMul',
    'QLinearMatMul',
    10,
    [
      bytes(3, 64),
      floats(0.02),
      small('uint8', [], 113),
      bytes(64, 5),
      floats(0.01),
      small('uint8', [], 125),
      floats(0.3),
      small('uint8', [], 100),
    ].map((operand) => ('floats' in operand ? { ...operand, dims: [] } : operand)),
  ),
  one(
    'QLinearConv',
    'QLinearConv',
    10,
    [
      bytes(1, 4, 6, 5),
      { floats: [0.02], dims: [] },
      small('uint8', [], 100),
      signed(3, 4, 3, 3),
      floats(0.01, 0.02, 0.015),
      small('int8', [3], 0, 0, 0),
      { floats: [0.9], dims: [] },
      small('uint8', [], 10),
      small('int32', [3], 50, -1000, 3),
    ],
    { pads: [1, 1, 1, 1], strides: [2, 1] },
  ),
];

const inside = (shape: number[], ...values: number[]) => ({ floats: values, dims: shape });
const angles = Array.from({ length: 41 }, (_, n) => n / 20 - 1);

const functions: readonly Case[] = [
  ...['Acos', 'Asin', 'Asinh', 'Atan', 'Sinh', 'Cosh'].map((op) =>
    one(op, op, 9, [inside([41], ...angles)]),
  ),
  one('Atanh', 'Atanh', 9, [inside([39], ...angles.slice(1, -1))]),
  one('Acosh', 'Acosh', 9, [inside([41], ...angles.map((angle) => 3 * angle + 4))]),
  ...['Asinh', 'Atan', 'Sinh', 'Cosh'].map((op) =>
    one(`${op} far out`, op, 9, [inside([41], ...angles.map((angle) => 12 * angle))]),
  ),
];

const signals: readonly Case[] = [
  one('DFT of reals', 'DFT', 17, [x(2, 11, 3, 1)], { axis: 1 }),
  one('DFT, one side, padded', 'DFT', 17, [x(2, 11, 1), { ints: [16], scalar: true }], {
    axis: 1,
    onesided: 1,
  }),
  one('DFT back', 'DFT', 17, [x(2, 12, 2)], { axis: 1, inverse: 1 }),
  one('STFT', 'STFT', 17, [
    x(2, 40, 1),
    { ints: [5], scalar: true },
    floats(0.1, 0.4, 0.7, 1, 1, 0.7, 0.4, 0.1),
    { ints: [8], scalar: true },
  ]),
  ...['HannWindow', 'HammingWindow', 'BlackmanWindow'].flatMap((op) =>
    [0, 1].map((periodic) =>
      one(`${op}, periodic ${periodic}`, op, 17, [{ ints: [9], scalar: true }], { periodic }),
    ),
  ),
  one('CenterCropPad', 'CenterCropPad', 18, [x(5, 4, 3), { ints: [2, 7], dims: [2] }], {
    axes: [0, 1],
  }),
  one('GlobalLpPool', 'GlobalLpPool', 7, [x(2, 3, 4, 5)], { p: 3 }),
];

agreeWithOnnxRuntime([...functions, ...signals, ...layers, ...cells, ...sums, ...integers]);
