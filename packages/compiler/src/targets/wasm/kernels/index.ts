// The kernels of the wasm target: for each primitive, those that can run it, the preferred first.

import type { PrimitiveName } from '@espalier/ir';
import type { Kernel } from '../kernel.ts';
import { applyEpilogue } from './apply-epilogue.ts';
import { argReduce } from './arg-reduce.ts';
import { concat } from './concat.ts';
import { conv } from './conv.ts';
import { convFixed, convFixedSparse, linearFixed, linearFixedSparse } from './conv-fixed.ts';
import { convInteger, convIntegerSparse } from './conv-integer.ts';
import { convPlanes1, convPlanes2 } from './conv-planes.ts';
import { convSparse, linearSparse } from './conv-sparse.ts';
import { convTranspose } from './conv-transpose.ts';
import { cumSum } from './cum-sum.ts';
import { depthwise } from './depthwise.ts';
import { depthwiseInteger } from './depthwise-integer.ts';
import { depthwisePlanes } from './depthwise-planes.ts';
import { gather } from './gather.ts';
import { layerNorm } from './layer-norm.ts';
import { linear } from './linear.ts';
import { map } from './map.ts';
import { matmul } from './matmul.ts';
import { maxPoolCodes } from './max-pool-codes.ts';
import { pad } from './pad.ts';
import { maxPool, sumPool } from './pool.ts';
import { reduce } from './reduce.ts';
import { resample } from './resample.ts';
import { scatter } from './scatter.ts';
import { softmax } from './softmax.ts';
import { suppress } from './suppress.ts';
import { topK } from './top-k.ts';
import { winogradF2, winogradF2Sparse, winogradF4, winogradF4Sparse } from './winograd.ts';
import {
  winogradF2Fixed,
  winogradF2FixedSparse,
  winogradF4Fixed,
  winogradF4FixedSparse,
} from './winograd-fixed.ts';

/** Primitives that are views of their operand, and need no code. */
export type ViewName = 'transpose' | 'reshape' | 'slice' | 'expand';

/** Every kernel, by the primitive that it runs. */
export const kernels: Readonly<Record<Exclude<PrimitiveName, ViewName>, readonly Kernel[]>> = {
  argReduce: [applyEpilogue(argReduce)],
  concat: [applyEpilogue(concat)],
  conv: [
    depthwise,
    depthwisePlanes,
    conv,
    winogradF2,
    winogradF4,
    convSparse,
    winogradF2Sparse,
    winogradF4Sparse,
    convPlanes1,
    convPlanes2,
    convFixed,
    convFixedSparse,
    winogradF2Fixed,
    winogradF4Fixed,
    winogradF2FixedSparse,
    winogradF4FixedSparse,
  ],
  convInteger: [depthwiseInteger, convInteger, convIntegerSparse],
  convTranspose: [convTranspose],
  cumSum: [applyEpilogue(cumSum)],
  gather: [applyEpilogue(gather)],
  layerNorm: [applyEpilogue(layerNorm)],
  linear: [linear, linearSparse, linearFixed, linearFixedSparse],
  map: [applyEpilogue(map)],
  matmul: [matmul],
  maxPool: [applyEpilogue(maxPoolCodes), applyEpilogue(maxPool)],
  pad: [applyEpilogue(pad)],
  reduce: [applyEpilogue(reduce)],
  resample: [applyEpilogue(resample)],
  scatter: [applyEpilogue(scatter)],
  softmax: [applyEpilogue(softmax)],
  sumPool: [applyEpilogue(sumPool)],
  suppress: [applyEpilogue(suppress)],
  topK: [applyEpilogue(topK)],
};
