// Sparse convolution over planes of pixels (CHW): lanes along a row, weights broadcast. Every weight is
// a tap of its own, or a few outputs share one, so that no zero is computed whatever the mask.
//
//   for each row, for each tile of pixels     (the pixels of all channels stay in the first-level cache)
//     for each block of outputs
//       sums = bias
//       for each tap: sums += input[offset] · weights
//       store epilogue(sums)

import { type AttrsOf, assert, elementCount, type OpNode } from '@espalier/ir';
import { type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Kernel, Site, WeightLayout } from '../kernel.ts';
import type { Loop } from '../walk.ts';
import { emitPlanes, planesRereads } from './planes.ts';
import {
  keptColumns,
  keptWeights,
  type Lists,
  sparseWeights,
  tapsOf,
  worthFrom,
} from './sparse-blocks.ts';
import { tapColumns, tapOffsets } from './sparse-taps.ts';

const listsOf = new WeakMap<object, Map<number, Lists>>();

/** The taps that blocks of `height` outputs keep. */
function tapLists(node: OpNode, height: number): Lists {
  const w = sparseWeights(node);
  assert(w, 'it accepts sparse constants only');
  const known = listsOf.get(w) ?? new Map<number, Lists>();
  listsOf.set(w, known);
  const lists = known.get(height) ?? keptColumns(w.value, tapColumns(w.type.shape), height);
  known.set(height, lists);
  return lists;
}

function lower(site: Site, height: number): void {
  const { node, output, extras, epilogue, emit } = site;
  const { stride, dilation, pads } = node.attrs as AttrsOf<'conv'>; // its op says so
  const w = sparseWeights(node);
  const bias = node.inputs[2];
  assert(w && bias?.kind === 'constant', 'it accepts sparse constants only');
  const lists = tapLists(node, height);
  const shape = tapColumns(w.type.shape);
  const x = site.input(0);
  const [xn, , xh, xw] = x.strides as [number, number, number, number];
  const back = pads[0] * xh + pads[1] * xw;
  const { taps, offsets: bytes, lowest } = tapOffsets(lists, w.type.shape, x, dilation);
  const { offsets, counts } = emit.offsets(bytes, w.name);
  const values = keptWeights(w.value, shape, taps, height);
  const biases = new Float32Array(Math.ceil(shape.outputs / height) * height);
  biases.set(bias.value.data);

  const [n, , rows, columns] = output.shape as [number, number, number, number];
  const [yn, yc, yh] = output.strides as [number, number, number, number];
  const along = (axis: number) => extras.map(({ strides }) => 4 * strides[axis]!);
  const outer: Loop[] = [
    { extent: n, steps: [4 * xn, 4 * yn, ...along(0)] },
    { extent: rows, steps: [4 * xh * stride[0], 4 * yh, ...along(2)] },
  ];
  // Rows that follow each other without a gap, in every operand, are one row.
  let pixels = columns;
  const pixelSteps = [4, 4, ...along(3)];
  while (outer.length > 0) {
    const last = outer.at(-1)!;
    const runsOn = last.steps.every((step, i) => step === pixels * pixelSteps[i]!);
    if (last.extent !== 1 && !runsOn) break;
    pixels *= last.extent;
    outer.pop();
  }
  const lines = outer.length === 2 ? outer.pop() : undefined;

  emit.call({
    rereads: planesRereads({
      rows: elementCount(output.shape) / shape.outputs / pixels,
      pixels,
      height,
      inputs: w.type.shape[1]!,
      planeBytes: 4 * x.strides[1]!,
      windowRows: w.type.shape[2]!,
      taps: tapsOf(lists),
      tableBytes: 4 * (height + 1) * tapsOf(lists),
    }),
    label: `sparse planes ${w.type.shape.slice(2).join('×')} ${node.name}`,
    args: [
      moved(x.address, lowest - 4 * back),
      output.address,
      emit.constant(values, w.name, packable(tapsOf(lists), height)),
      emit.constant(biases, bias.name),
      counts,
      offsets,
      ...extras.map(({ address }) => address),
    ],
    write: (asm, ...pointers) =>
      emitPlanes(
        asm,
        {
          outer,
          lines,
          pixels,
          outputs: shape.outputs,
          height,
          meanTaps: tapsOf(lists) / lists.length,
          planeStep: 4 * yc,
          extras: extras.map(({ dtype, strides }) => ({
            dtype,
            pixelStep: 4 * strides[3]!,
            planeStep: 4 * strides[1]!,
          })),
          epilogue,
        },
        pointers,
      ),
  });
}

/** Values may be shipped in fewer bits, with one scale for each lane of all of them. */
function packable(taps: number, height: number): WeightLayout | undefined {
  const lanes = 4;
  return (taps * height) % lanes === 0
    ? { blocks: 1, rows: (taps * height) / lanes, lanes }
    : undefined;
}

/** The part of all taps with which a dense kernel is as fast, by the outputs that share a tap. */
const mostKept = { 1: 0.62, 2: 0.85 } as const;

const planes = (height: 1 | 2): Kernel => ({
  name: `conv-planes-${height}`,
  worthFrom,
  accepts: (node) => {
    const { groups, stride } = node.attrs as AttrsOf<'conv'>; // its op says so
    if (groups !== 1 || stride[1] !== 1 || !sparseWeights(node)) return false;
    const lists = tapLists(node, height);
    const columns = node.inputs[1]!.type.shape.slice(1).reduce((n, extent) => n * extent, 1);
    return tapsOf(lists) <= mostKept[height] * lists.length * columns;
  },
  reads: () => [0],
  wish: (node) => ({
    unitAxis: 3,
    halo: (node.attrs as AttrsOf<'conv'>).pads satisfies Halo,
  }),
  order: () => rowMajor(4),
  lower: (site) => lower(site, height),
});

/** One output a tap: for masks without any structure. */
export const convPlanes1 = planes(1);

/** Two outputs a tap: for blocks of any even height, since each pixel that is loaded serves two. */
export const convPlanes2 = planes(2);
