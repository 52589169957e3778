// Transposed convolution, one convolution without stride for each phase of the output.
//
// Output row `p + s·j` reads input rows `(p + s·j + pad − d·r) / s` for the taps `r` that make this whole.
// Those taps are evenly spaced, so that each phase is a small dilated convolution into every s-th row.

import { type AttrsOf, type OpNode, rowMajorStrides } from '@espalier/ir';
import { sliced } from '../../../plan/strides.ts';
import { channelsLast, type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import { emitConv } from './conv-tiles.ts';
import { packedBias, packedWeights, runtimeReads } from './pack.ts';

/** The rows (or columns) of the output that read the same taps. */
interface Phase {
  /** The first of them, and how many there are, `stride` apart. */
  readonly first: number;
  readonly count: number;
  /** The last tap that is read, the distance to the one before, and how many there are. */
  readonly tap: number;
  readonly tapStep: number;
  readonly taps: number;
  /** Where the window of the first output starts in the input, and the distance of its taps. */
  readonly start: number;
  readonly dilation: number;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

function phasesOf(
  out: number,
  taps: number,
  stride: number,
  dilation: number,
  pad: number,
): Phase[] {
  const tapStep = stride / gcd(stride, dilation);
  return Array.from({ length: Math.min(stride, out) }, (_, first): Phase => {
    const count = Math.ceil((out - first) / stride);
    const own = Array.from({ length: taps }, (_, r) => r).filter(
      (r) => (((first + pad - dilation * r) % stride) + stride) % stride === 0,
    );
    const tap = own.at(-1) ?? 0;
    return {
      first,
      count,
      tap,
      tapStep,
      taps: own.length,
      // The last tap reads the earliest input.
      start: own.length === 0 ? 0 : (first + pad - dilation * tap) / stride,
      dilation: dilation / gcd(stride, dilation),
    };
  });
}

/** The phases along rows and along columns. */
function phases(node: OpNode): readonly [Phase[], Phase[]] {
  const { stride, dilation, pads } = node.attrs as AttrsOf<'convTranspose'>; // its op says so
  const taps = node.inputs[1]!.type.shape;
  const along = (axis: 0 | 1) =>
    phasesOf(node.type.shape[2 + axis]!, taps[2 + axis]!, stride[axis], dilation[axis], pads[axis]);
  return [along(0), along(1)];
}

/** How far windows reach beyond an axis of `size`. */
function reach(list: readonly Phase[], size: number): readonly [number, number] {
  const used = list.filter(({ taps }) => taps > 0);
  const before = used.map(({ start }) => -start);
  const after = used.map(
    ({ start, count, taps, dilation }) => start + count - 1 + (taps - 1) * dilation - (size - 1),
  );
  return [Math.max(0, ...before), Math.max(0, ...after)];
}

/** Spreads pixels through weights `[C, O/groups, R, S]`. */
export const convTranspose: Kernel = {
  name: 'conv-transpose-phases',
  reads: runtimeReads,

  wish(node, index) {
    if (index > 0) return { dense: rowMajor(node.inputs[index]!.type.shape.length) };
    const [rows, columns] = phases(node);
    const [, , h, w] = node.inputs[0]!.type.shape as [number, number, number, number];
    const [top, bottom] = reach(rows, h);
    const [left, right] = reach(columns, w);
    return { unitAxis: 1, halo: [top, left, bottom, right] satisfies Halo };
  },

  order: () => channelsLast(4),

  lower(site) {
    const { node, output, extras, epilogue, emit } = site;
    const { stride, groups } = node.attrs as AttrsOf<'convTranspose'>; // its op says so
    const x = site.input(0);
    const [c, outputs, r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const inputs = c / groups;
    const [input, output_, row, column] = rowMajorStrides([c, outputs, r, s]) as [
      number,
      number,
      number,
      number,
    ];
    const bias = packedBias(site, 2, groups, outputs);
    const [down, across] = phases(node);
    for (const v of down)
      for (const u of across) {
        const part = (view: typeof output) =>
          sliced(
            view,
            [0, 0, v.first, u.first],
            [view.shape[0]!, view.shape[1]!, v.count, u.count],
            [1, 1, stride[0], stride[1]],
          );
        const weights = packedWeights(site, 1, {
          groups,
          outputs,
          inputs,
          rows: v.taps,
          columns: u.taps,
          strides: {
            group: inputs * input,
            output: output_,
            input,
            // Backwards, so that later taps read later inputs.
            row: -v.tapStep * row,
            column: -u.tapStep * column,
          },
          offset: v.tap * row + u.tap * column,
        });
        const shift = v.start * x.strides[2]! + u.start * x.strides[3]!;
        emitConv(emit, {
          label: `conv transpose ${node.name}`,
          x: { ...x, address: moved(x.address, 4 * shift) },
          weights,
          bias,
          y: part(output),
          extras: extras.map(part),
          epilogue,
          taps: [v.taps, u.taps],
          stride: [1, 1],
          dilation: [v.dilation, u.dilation],
          groups,
        });
      }
  },
};
