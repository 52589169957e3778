// Classical learners, patches and bits, against ONNX Runtime.

import {
  agreeWithOnnxRuntime,
  type Case,
  float,
  i,
  ints,
  one,
  x,
} from '../support/against-onnxruntime.ts';
import type { OneNode, Operand } from '../support/onnx-model.ts';

const classical = (
  title: string,
  op: string,
  operands: readonly Operand[],
  attributes: NonNullable<OneNode['attributes']>,
  outputs = 1,
): Case => [
  `${op}${title && `, ${title}`}`,
  { op, opset: 3, domain: 'ai.onnx.ml', operands, attributes, outputs },
];

const list = (count: number, by: number) => ({
  floats: Array.from({ length: count }, (_, k) => Math.sin(k * by)),
});

/** Two trees, of three and two levels, over three features. */
const forest = {
  nodes_treeids: [0, 0, 0, 0, 0, 1, 1, 1],
  nodes_nodeids: [0, 1, 2, 3, 4, 0, 1, 2],
  nodes_featureids: [0, 2, 0, 0, 0, 1, 0, 0],
  nodes_values: { floats: [0.1, -0.3, 0, 0, 0, 0.5, 0, 0] },
  nodes_modes: {
    strings: ['BRANCH_LEQ', 'BRANCH_LEQ', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
  },
  nodes_truenodeids: [1, 3, 0, 0, 0, 1, 0, 0],
  nodes_falsenodeids: [2, 4, 0, 0, 0, 2, 0, 0],
};
const leaves = { treeids: [0, 0, 0, 1, 1], nodeids: [2, 3, 4, 1, 2] };

const models: readonly Case[] = [
  classical('', 'LinearRegressor', [x(4, 3)], {
    coefficients: list(6, 1.3),
    intercepts: list(2, 0.7),
    targets: 2,
  }),
  ...['NONE', 'SOFTMAX', 'LOGISTIC'].map((post_transform) =>
    classical(
      post_transform,
      'LinearClassifier',
      [x(5, 3)],
      {
        coefficients: list(9, 1.1),
        intercepts: list(3, 0.4),
        classlabels_ints: [7, 3, 5],
        multi_class: 1,
        post_transform,
      },
      2,
    ),
  ),
  classical('', 'Scaler', [x(4, 3)], { offset: list(3, 2), scale: list(3, 1) }),
  classical('', 'Normalizer', [x(4, 3)], { norm: 'L1' }),
  classical('of squares', 'Normalizer', [x(4, 3)], { norm: 'L2' }),
  classical('', 'Binarizer', [x(4, 3)], { threshold: float(0.2) }),
  classical('', 'ArrayFeatureExtractor', [x(4, 3), ints(2, 0)], {}),
  ...['SUM', 'AVERAGE'].map((aggregate_function) =>
    classical(aggregate_function, 'TreeEnsembleRegressor', [x(9, 3)], {
      ...forest,
      target_treeids: leaves.treeids,
      target_nodeids: leaves.nodeids,
      target_ids: [0, 1, 0, 1, 0],
      target_weights: list(5, 1.7),
      n_targets: 2,
      aggregate_function,
    }),
  ),
  ...['NONE', 'SOFTMAX'].map((post_transform) =>
    classical(
      post_transform,
      'TreeEnsembleClassifier',
      [x(9, 3)],
      {
        ...forest,
        class_treeids: leaves.treeids,
        class_nodeids: leaves.nodeids,
        class_ids: [0, 1, 2, 2, 0],
        class_weights: { floats: [0.5, 0.9, 0.7, 0.4, 0.2] },
        classlabels_int64s: [4, 8, 6],
        post_transform,
      },
      2,
    ),
  ),
];

const col2im = (title: string, shape: number[], sizes: number[][], attributes = {}): Case =>
  one(
    `Col2Im ${title}`,
    'Col2Im',
    18,
    [x(...shape), ints(...sizes[0]!), ints(...sizes[1]!)],
    attributes,
  );

const bytes = (...shape: number[]) => ({ shape, element: 'uint8' as const, below: 256 });
const few = (...shape: number[]) => ({ shape, element: 'uint8' as const, below: 9 });

const patches: readonly Case[] = [
  col2im(
    'of rows',
    [1, 5, 5],
    [
      [5, 5],
      [1, 5],
    ],
  ),
  col2im(
    'with pads',
    [1, 5, 15],
    [
      [5, 5],
      [1, 5],
    ],
    { pads: [0, 1, 0, 1] },
  ),
  col2im(
    'with strides',
    [2, 18, 4],
    [
      [6, 5],
      [3, 3],
    ],
    { strides: [2, 2] },
  ),
  col2im(
    'with dilations',
    [1, 4, 5],
    [
      [6, 6],
      [2, 2],
    ],
    { dilations: [1, 5] },
  ),
];

const integers: readonly Case[] = [
  one('BitShift to the left', 'BitShift', 11, [bytes(20), few(20)], { direction: 'LEFT' }),
  one('BitShift to the right', 'BitShift', 11, [bytes(20), few(20)], { direction: 'RIGHT' }),
  one('BitwiseNot of bytes', 'BitwiseNot', 18, [bytes(20)]),
  one('BitwiseNot', 'BitwiseNot', 18, [i(9)]),
  ...['Add', 'Sub', 'Mul'].map((op) => one(`${op} of bytes`, op, 14, [bytes(20), bytes(20)])),
  one('Neg of small integers', 'Neg', 13, [{ shape: [9], element: 'int8', below: 128 }]),
  one('ReduceLogSumExp of integers', 'ReduceLogSumExp', 18, [
    { shape: [3, 4], element: 'int32', below: 9 },
  ]),
];

agreeWithOnnxRuntime([...models, ...patches, ...integers]);
