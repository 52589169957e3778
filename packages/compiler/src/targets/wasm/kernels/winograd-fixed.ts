// Winograd convolution whose products are those of 16-bit integers. Factors of each position have a step of their own,
// since most of them are differences, and small; weights of a position are taken by the norm that the form gives them.

import { assert, type ConstantNode, type OpNode, type Tensor } from '@espalier/ir';
import { channelsLast } from '../../../plan/view.ts';
import type { Expr } from '../assembler.ts';
import type { Kernel, Preparation, Site } from '../kernel.ts';
import { blocksOf } from './conv-tiles.ts';
import {
  type Levels,
  levelsFor,
  mostLevels,
  pair,
  skipsEnough,
  takesFixedPoint,
  worthFrom,
} from './fixed-point.ts';
import { rounded } from './pack-fixed.ts';
import {
  type ColumnShape,
  keptColumns,
  keptWeights,
  type Lists,
  sparseWeights,
  tapsOf,
} from './sparse-blocks.ts';
import { blockLanes } from './tile.ts';
import { callWinograd, combined, kernelColumns, takesTiles } from './winograd.ts';
import { planWinograd, type WinogradPlan } from './winograd-plan.ts';
import { f2, f4, type WinogradForm } from './winograd-transforms.ts';

/** Bytes of a weight of a position. */
const weightBytes = 2;

/** How far sums stay below what 32 bits hold: weights may be shipped with less precision, and come out larger. */
const headroom = 0.9;

/** Weights may be three times as large before they are transformed, and have to fit half precision. */
const mostWeightLevels = mostLevels / 2;

/** What kernels of `3 × 3` of the greatest length can become at each position. */
const normsOf = ({ weights: g }: WinogradForm): number[] => {
  const lengths = g.map((row) => Math.hypot(...row));
  return lengths.flatMap((a) => lengths.map((b) => a * b));
};

/** Integers for the weights of each position. */
interface FixedWeights {
  readonly levels: Levels;
  /** What 1 of a weight stands for, by output, at a position of norm 1. */
  readonly steps: Float64Array;
}

const known = new Map<WinogradForm, WeakMap<ConstantNode, FixedWeights>>();

function fixedWeights(node: OpNode, form: WinogradForm): FixedWeights {
  const w = node.inputs[1];
  assert(w?.kind === 'constant', 'it accepts constants only');
  const ofForm = known.get(form) ?? new WeakMap<ConstantNode, FixedWeights>();
  known.set(form, ofForm);
  const found = ofForm.get(w) ?? measured(w, form);
  ofForm.set(w, found);
  return found;
}

/** Looks at the weights of all positions: the largest of each output, and the widest sum. */
function measured(w: ConstantNode, form: WinogradForm): FixedWeights {
  const { weights: g, n } = form;
  const [outputs, inputs] = w.type.shape as [number, number];
  const { data } = w.value;
  const norms = normsOf(form);
  const peaks = new Float64Array(outputs);
  let widest = 1;
  const half = new Float64Array(3 * n);
  const sums = new Float64Array(n * n);
  for (let o = 0; o < outputs; o++) {
    sums.fill(0);
    for (let i = 0; i < inputs; i++) {
      const at = 9 * (o * inputs + i);
      for (let e = 0; e < n; e++) {
        const [a, b, c] = g[e]!;
        for (let s = 0; s < 3; s++)
          half[3 * e + s] = a * data[at + s]! + b * data[at + 3 + s]! + c * data[at + 6 + s]!;
      }
      for (let e = 0; e < n * n; e++) {
        const [a, b, c] = g[e % n]!;
        const row = 3 * Math.floor(e / n);
        const value =
          Math.abs(a * half[row]! + b * half[row + 1]! + c * half[row + 2]!) / norms[e]!;
        sums[e]! += value;
        if (value > peaks[o]!) peaks[o] = value;
      }
    }
    if (peaks[o]! > 0) widest = Math.max(widest, Math.max(...sums) / peaks[o]!);
  }
  const { inputs: most, weights } = levelsFor(widest, inputs);
  const levels = { inputs: most, weights: Math.min(headroom * weights, mostWeightLevels) };
  return { levels, steps: peaks.map((peak) => (peak || 1) / levels.weights) };
}

/**
 * Weights as they are shipped, `[block][i][r][s][8]` in parts of their steps, become `[n²][block][pair of i][8][2]` at
 * load.
 */
function prepared(form: WinogradForm, plan: WinogradPlan): Preparation {
  const { weights: g, n } = form;
  const norms = normsOf(form);
  return {
    bytes: n * n * plan.weightStep,
    rows: 9 * pair,
    write(asm, row, to) {
      const halves = Array.from({ length: pair }, () =>
        Array.from({ length: 3 * n }, () => asm.v128Local()),
      );
      const scale = asm.v128Local();
      const vector = (v: number) =>
        asm.seq(
          ...halves.flatMap((half, item) =>
            half.map((local, at) =>
              local.set(
                combined(asm, g[Math.floor(at / 3)]!, (k) => row(9 * item + 3 * k + (at % 3), v)),
              ),
            ),
          ),
          ...Array.from({ length: n * n }, (_, e) => {
            const line = 3 * Math.floor(e / n);
            const [low, high] = halves.map((half) =>
              rounded(
                asm,
                combined(asm, g[e % n]!, (k) => half[line + k]!.get),
                scale,
              ),
            ) as [Expr, Expr];
            return asm.seq(
              scale.set(asm.f32x4(1 / norms[e]!)),
              asm.store(
                'v128.store',
                to.get,
                asm.op(
                  'v128.or',
                  asm.op('v128.and', low, asm.i32x4(0xffff)),
                  asm.op('i32x4.shl', high, asm.i32(16)),
                ),
                e * plan.weightStep + 16 * v,
              ),
            );
          }),
        );
      return asm.seq(vector(0), vector(1), to.advance(4 * blockLanes));
    },
  };
}

/** Biases, and behind them the steps of the outputs' weights. */
function biasesAndSteps(node: OpNode, { steps }: FixedWeights): Float32Array {
  const bias = node.inputs[2] as ConstantNode; // `takesFixedPoint` has seen to it
  const lanes = blocksOf(steps.length) * blockLanes;
  const packed = new Float32Array(2 * lanes);
  packed.set(Float32Array.from(bias.value.data));
  packed.set(steps, lanes);
  return packed;
}

const pairsOf = new WeakMap<object, Lists>();

/** The pairs of inputs that each block of outputs keeps. */
function keptPairs(w: ConstantNode): Lists {
  const [outputs, inputs] = w.type.shape as [number, number];
  const shape: ColumnShape = {
    outputs,
    columns: inputs / pair,
    items: 9 * pair,
    indexOf: (output, column, item) => (output * inputs + pair * column) * 9 + item,
  };
  const lists = pairsOf.get(w) ?? keptColumns(w.value, shape);
  pairsOf.set(w, lists);
  return lists;
}

function lower(site: Site, form: WinogradForm, lists: Lists | undefined): void {
  const { node, emit } = site;
  const fixed = fixedWeights(node, form);
  const taps = lists && pair * tapsOf(lists);
  const plan = planWinograd(node, form, taps, weightBytes);
  const { inputs, outputs } = plan;
  const w = node.inputs[1] as ConstantNode; // `takesFixedPoint` has seen to it
  const blocks = blocksOf(outputs);
  const kept: Lists =
    lists?.map((list) => list.flatMap((at) => [pair * at, pair * at + 1])) ??
    Array(blocks).fill([...Array(inputs).keys()]);
  const weights = emit.constant(
    {
      length: blockLanes * 9 * tapsOf(kept),
      write: (into) => into.set(keptWeights(scaled(w, fixed), kernelColumns(w.type.shape), kept)),
    },
    w.name,
    {
      blocks,
      rows: lists ? kept.map(({ length }) => 9 * length) : 9 * inputs,
      lanes: blockLanes,
    },
    prepared(form, plan),
  );
  callWinograd(site, {
    label: 'fixed-point winograd',
    form,
    plan,
    weights,
    lists,
    bias: () => emit.constant(biasesAndSteps(node, fixed), node.inputs[2]!.name),
    rounding: {
      levels: fixed.levels.inputs,
      norms: () => emit.constant(Float32Array.from(normsOf(form)), 'norms of positions'),
    },
  });
}

/** Weights in parts of their output's step. */
function scaled({ type, value }: ConstantNode, { steps }: FixedWeights): Tensor {
  const row = value.data.length / type.shape[0]!;
  const data = Float32Array.from(value.data, (weight, at) => weight / steps[Math.floor(at / row)]!);
  return { type, data };
}

/** Whether few enough pairs stay for a table to be worth its while. */
function isSparse(node: OpNode): boolean {
  const w = sparseWeights(node);
  return w !== undefined && skipsEnough(keptPairs(w), w.type.shape[1]! / pair);
}

const winogradFixed = (form: WinogradForm, sparse: boolean): Kernel => ({
  name: `conv-winograd-f${form.m}-fixed${sparse ? '-sparse' : ''}`,
  inexact: true,
  worthFrom: sparse ? worthFrom : 1,
  accepts: (node) =>
    takesTiles(node) &&
    takesFixedPoint(node) &&
    // Whole vectors of channels: what lies behind them must not be measured.
    node.inputs[1]!.type.shape[1]! % 4 === 0 &&
    (!sparse || isSparse(node)),
  reads: () => [0],
  wish: (node) => ({ unitAxis: 1, halo: planWinograd(node, form).halo }),
  order: () => channelsLast(4),
  lower: (site) =>
    lower(site, form, sparse ? keptPairs(site.node.inputs[1] as ConstantNode) : undefined), // `isSparse` has seen to it
});

/** Tiles of 2 × 2. */
export const winogradF2Fixed = winogradFixed(f2, false);

/** Tiles of 4 × 4. */
export const winogradF4Fixed = winogradFixed(f4, false);

/** Blocks of 8 outputs without pairs of inputs, in tiles of 2 × 2. */
export const winogradF2FixedSparse = winogradFixed(f2, true);

/** The same with tiles of 4 × 4. */
export const winogradF4FixedSparse = winogradFixed(f4, true);
