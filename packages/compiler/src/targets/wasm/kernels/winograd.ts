// Winograd convolution: 3 × 3 kernels with stride 1 in a quarter of the multiplications.
//
//   for each block of tiles
//     factors:  n × n inputs of each tile, transformed     [n²][tile][channel]
//     products: n² matrix products with the weights        [n²][tile][output]
//     outputs:  transformed back, epilogue, stored

import { type AttrsOf, assert, elementCount, type OpNode } from '@espalier/ir';
import type { Reread } from '../../../devices/work.ts';
import { type Address, channelsLast, moved } from '../../../plan/view.ts';
import type { Assembler, Expr } from '../assembler.ts';
import type { Kernel, Preparation, Site } from '../kernel.ts';
import { isConstant, packedBias, packedWeights } from './pack.ts';
import {
  type ColumnShape,
  keptColumns,
  keptWeights,
  type Lists,
  sparseWeights,
  tapsOf,
  worthFrom,
} from './sparse-blocks.ts';
import { blockLanes } from './tile.ts';
import { planWinograd, type WinogradPlan } from './winograd-plan.ts';
import { stepBytes } from './winograd-rounding.ts';
import { emitWinograd } from './winograd-stages.ts';
import { f2, f4, type WinogradForm } from './winograd-transforms.ts';

/** Below this many channels the transforms cost more than they save. */
const fewestChannels = 8;

/** Whether a convolution can be cut into tiles, and is worth it. */
export function takesTiles(node: OpNode): boolean {
  const { stride, dilation, groups } = node.attrs as AttrsOf<'conv'>; // its op says so
  const [o, i, r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
  return (
    r === 3 &&
    s === 3 &&
    groups === 1 &&
    [...stride, ...dilation].every((step) => step === 1) &&
    Math.min(o, i) >= fewestChannels &&
    elementCount(node.type.shape) > 0 &&
    isConstant(node, 1) &&
    isConstant(node, 2)
  );
}

/** Weights as they are shipped, `[block][i][r][s][8]`, become `[n²][block][i][8]` at load. */
function prepared({ weights: g, n }: WinogradForm, plan: WinogradPlan): Preparation {
  return {
    bytes: n * n * plan.weightStep,
    rows: 9,
    write(asm, row, to) {
      const half = Array.from({ length: 3 * n }, () => asm.v128Local());
      const vector = (v: number) =>
        asm.seq(
          ...half.map((local, at) =>
            local.set(combined(asm, g[Math.floor(at / 3)]!, (k) => row(3 * k + (at % 3), v))),
          ),
          ...Array.from({ length: n * n }, (_, e) => {
            const line = Math.floor(e / n);
            const value = combined(asm, g[e % n]!, (k) => half[3 * line + k]!.get);
            return asm.store('v128.store', to.get, value, e * plan.weightStep + 16 * v);
          }),
        );
      return asm.seq(vector(0), vector(1), to.advance(32));
    },
  };
}

/** Value: Σ g[k] · value(k), without the zeros. */
export const combined = (
  asm: Assembler,
  factors: readonly number[],
  value: (k: number) => Expr,
): Expr =>
  factors
    .map((factor, k) => ({ factor, term: value(k) }))
    .filter(({ factor }) => factor !== 0)
    .map(({ factor, term }) => (factor === 1 ? term : asm.op('f32x4.mul', asm.f32x4(factor), term)))
    .reduce((sum, term) => asm.op('f32x4.add', sum, term));

/** Weights `[O, I, 3, 3]` by kernels. */
export const kernelColumns = ([outputs, inputs]: readonly number[]): ColumnShape => ({
  outputs: outputs!,
  columns: inputs!,
  items: 9,
  indexOf: (output, input, tap) => (output * inputs! + input) * 9 + tap,
});

const listsOf = new WeakMap<object, Lists>();

/** The inputs that each block of outputs keeps. */
function keptInputs(node: OpNode): Lists {
  const w = node.inputs[1]!;
  assert(w.kind === 'constant', 'it accepts constants only');
  const lists = listsOf.get(w) ?? keptColumns(w.value, kernelColumns(w.type.shape));
  listsOf.set(w, lists);
  return lists;
}

/** The weights are read for every block of tiles. */
function rereadsOf(plan: WinogradPlan, positions: number): Reread[] {
  const { images, tileRows, tileColumns, blockRows, blockColumns } = plan;
  const blocks = images * Math.ceil(tileRows / blockRows) * Math.ceil(tileColumns / blockColumns);
  const weightBytes = positions * plan.weightStep;
  const blockBytes = positions * (plan.factorStep + plan.productStep);
  // Within a block, factors and products are written in one stage and read in the next.
  return [
    { bytes: (blocks - 1) * weightBytes, span: weightBytes + blockBytes },
    { bytes: blocks * blockBytes, span: blockBytes },
  ];
}

function lower(site: Site, form: WinogradForm, lists: Lists | undefined): void {
  const { node, emit } = site;
  const plan = planWinograd(node, form, lists && tapsOf(lists));
  const { outputs } = plan;
  const w = node.inputs[1]!;
  assert(w.kind === 'constant', 'it accepts constants only');
  const preparation = prepared(form, plan);
  const weights = lists
    ? emit.constant(
        keptWeights(w.value, kernelColumns(w.type.shape), lists),
        w.name,
        { blocks: lists.length, rows: lists.map(({ length }) => 9 * length), lanes: blockLanes },
        preparation,
      )
    : denseWeights(site, plan, preparation);
  callWinograd(site, {
    label: 'winograd',
    form,
    plan,
    weights,
    lists,
    bias: () => packedBias(site, 2, 1, outputs),
  });
}

/** What convolutions in tiles differ in. */
interface Tiled {
  /** What its products are called. */
  readonly label: string;
  readonly form: WinogradForm;
  readonly plan: WinogradPlan;
  readonly weights: Address;
  /** The taps that each block of outputs keeps; `undefined` for all. */
  readonly lists: Lists | undefined;
  bias(): Address;
  /** Where products are those of integers: what the largest factor becomes, and the norm of each position. */
  readonly rounding?: { readonly levels: number; norms(): Address };
}

/** Adds the step: memory for its stages, and its code. */
export function callWinograd(
  { node, input, output, extras, epilogue, emit }: Site,
  { label, form, plan, weights, lists, bias, rounding }: Tiled,
): void {
  const positions = form.n * form.n;
  const x = input(0);
  const table =
    lists &&
    emit.offsets(
      lists.map((list) => list.map((tap) => 4 * tap)),
      node.inputs[1]!.name,
    );
  const meanTaps = lists ? tapsOf(lists) / lists.length : plan.inputs;
  const back = plan.halo[0] * x.strides[2]! + plan.halo[1] * x.strides[3]!;
  const levels = rounding && { levels: rounding.levels };
  emit.call({
    rereads: rereadsOf(plan, positions),
    label: `${lists ? 'sparse ' : ''}${label} F(${form.m},3) ${node.name}`,
    args: [
      moved(x.address, -4 * back),
      weights,
      emit.scratch(positions * plan.factorStep, `${node.name}, factors`),
      emit.scratch(positions * plan.productStep, `${node.name}, products`),
      emit.scratch(16 * positions, `${node.name}, half-transformed`),
      bias(),
      output.address,
      ...extras.map(({ address }) => address),
      ...(table ? [table.counts, table.offsets] : []),
      ...(rounding
        ? [rounding.norms(), emit.scratch(positions * stepBytes, `${node.name}, steps`)]
        : []),
    ],
    write: (asm, ...pointers) =>
      emitWinograd(
        asm,
        { form, plan, x, y: output, extras, epilogue, meanTaps, ...levels },
        pointers,
      ),
  });
}

const denseWeights = (site: Site, { inputs, outputs }: WinogradPlan, preparation: Preparation) =>
  packedWeights(site, 1, {
    groups: 1,
    outputs,
    inputs: 9,
    rows: 1,
    columns: inputs,
    strides: { group: 0, output: 9 * inputs, input: 1, row: 0, column: 9 },
    offset: 0,
    preparation,
  });

const winograd = (form: WinogradForm, sparse: boolean): Kernel => {
  const listsFor = (node: OpNode) => (sparse ? keptInputs(node) : undefined);
  return {
    name: `conv-winograd-f${form.m}${sparse ? '-sparse' : ''}`,
    inexact: true,
    worthFrom: sparse ? worthFrom : 1,
    accepts: (node) => takesTiles(node) && (!sparse || sparseWeights(node) !== undefined),
    reads: () => [0],
    wish: (node) => ({ unitAxis: 1, halo: planWinograd(node, form).halo }),
    order: () => channelsLast(4),
    lower: (site) => lower(site, form, listsFor(site.node)),
  };
};

/** Tiles of 2 × 2: for small images. */
export const winogradF2 = winograd(f2, false);

/** Tiles of 4 × 4. */
export const winogradF4 = winograd(f4, false);

/** Kernels that whole blocks of 8 outputs lack stay zero when they are transformed. */
export const winogradF2Sparse = winograd(f2, true);

/** The same with tiles of 4 × 4. */
export const winogradF4Sparse = winograd(f4, true);
