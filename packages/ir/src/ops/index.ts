// The table of ops. A new op is a file of this folder and a line here.

import { argReduce } from './arg-reduce.ts';
import { avgPool } from './avg-pool.ts';
import { batchNorm } from './batch-norm.ts';
import { concat } from './concat.ts';
import { conv } from './conv.ts';
import { convInteger } from './conv-integer.ts';
import { convTranspose } from './conv-transpose.ts';
import { cumSum } from './cum-sum.ts';
import { depthToSpace, spaceToDepth } from './depth-to-space.ts';
import { expand } from './expand.ts';
import { gather } from './gather.ts';
import { gatherElements } from './gather-elements.ts';
import { gatherNd } from './gather-nd.ts';
import { gelu } from './gelu.ts';
import { instanceNorm } from './instance-norm.ts';
import { layerNorm } from './layer-norm.ts';
import { linear } from './linear.ts';
import { logSoftmax } from './log-softmax.ts';
import { map } from './map.ts';
import { matmul } from './matmul.ts';
import { mean } from './mean.ts';
import { nonMaxSuppression } from './non-max-suppression.ts';
import { oneHot } from './one-hot.ts';
import type { Op } from './op.ts';
import { pad } from './pad.ts';
import { maxPool, sumPool } from './pool.ts';
import { reduce } from './reduce.ts';
import { resample } from './resample.ts';
import { reshape } from './reshape.ts';
import { resize } from './resize.ts';
import { scatter } from './scatter.ts';
import { scatterNd } from './scatter-nd.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { suppress } from './suppress.ts';
import { topK } from './top-k.ts';
import { transpose } from './transpose.ts';

/** Ops with a kernel in every target. */
export const primitives = {
  argReduce,
  concat,
  conv,
  convInteger,
  convTranspose,
  cumSum,
  expand,
  gather,
  layerNorm,
  linear,
  map,
  matmul,
  maxPool,
  pad,
  reduce,
  resample,
  reshape,
  scatter,
  slice,
  softmax,
  sumPool,
  suppress,
  topK,
  transpose,
} as const;

/** Ops made of others. */
export const compositions = {
  avgPool,
  batchNorm,
  depthToSpace,
  gatherElements,
  gatherNd,
  gelu,
  instanceNorm,
  logSoftmax,
  mean,
  nonMaxSuppression,
  oneHot,
  resize,
  scatterNd,
  spaceToDepth,
} as const;

/** Every op, by its name. */
export const ops = { ...primitives, ...compositions } as const;

/** The name of an op. */
export type OpName = keyof typeof ops;

/** The name of an op that every target has kernels for. */
export type PrimitiveName = keyof typeof primitives;

/** The attributes of an op. */
export type AttrsOf<K extends OpName> = (typeof ops)[K] extends Op<infer A, infer _> ? A : never;

/** The number of operands of an op. */
export type ArityOf<K extends OpName> = (typeof ops)[K]['arity'];
