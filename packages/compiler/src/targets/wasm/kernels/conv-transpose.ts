// Transposed convolution, one convolution without stride for each phase of the output.
//
// Output row `p + s·j` reads input rows `(p + s·j + pad − d·r) / s` for the taps `r` that make this whole.
// Those taps are evenly spaced, so that each phase is a small dilated convolution into every s-th row.
// Phases whose windows read the same inputs are the outputs of one convolution.

import { type AttrsOf, type OpNode, rowMajorStrides } from '@espalier/ir';
import { sliced } from '../../../plan/strides.ts';
import { channelsLast, type Halo, moved, rowMajor, type View } from '../../../plan/view.ts';
import type { Kernel, Site } from '../kernel.ts';
import { emitConv } from './conv-tiles.ts';
import { isConstant, packedBias, packedWeights, runtimeReads } from './pack.ts';
import { alike, type Join, joinsOf, type Phase, phasesOf, placesOf } from './transpose-phases.ts';

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
    const { node, output, extras } = site;
    const { groups } = node.attrs as AttrsOf<'convTranspose'>; // its op says so
    const outputs = node.inputs[1]!.type.shape[1]!;
    const [down, across] = phases(node);
    const joinable = groups === 1 && isConstant(node, 1) && isConstant(node, 2);
    const runs = (list: readonly Phase[]) => (joinable ? alike(list) : list.map((one) => [one]));
    for (const rows of runs(down))
      for (const columns of runs(across))
        for (const join of joinsOf(rows, columns, outputs, [output, ...extras]))
          lowerJoin(site, join);
  },
};

/** Adds the step of some phases. */
function lowerJoin(site: Site, join: Join): void {
  const { node, output, extras, epilogue, emit } = site;
  const { stride, groups } = node.attrs as AttrsOf<'convTranspose'>; // its op says so
  const x = site.input(0);
  const [c, channels, r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
  const inputs = c / groups;
  const [input, output_, row, column] = rowMajorStrides([c, channels, r, s]) as [
    number,
    number,
    number,
    number,
  ];
  const { down, across, steps } = join;
  const [v, u] = [down[0]!, across[0]!]; // what they read is the same for all
  const outputs = down.length * across.length * channels;
  const channelsOf = Array.from({ length: outputs }, (_, i) => i % channels);
  const tapsOf = down.flatMap((v) => across.map((u) => v.tap * row + u.tap * column));
  const part = (view: View, operand: number): View => {
    const phase = sliced(
      view,
      [0, 0, v.first, u.first],
      [view.shape[0]!, view.shape[1]!, v.count, u.count],
      [1, 1, stride[0], stride[1]],
    );
    const [n, , h, w] = phase.shape as [number, number, number, number];
    const [image, channel, line, pixel] = phase.strides as [number, number, number, number];
    return {
      ...phase,
      shape: [n, outputs * groups, h, w],
      strides: [image, steps?.[operand] ?? channel, line, pixel],
    };
  };
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
    offset: tapsOf[0]!,
    outputOffsets: channelsOf.map(
      (channel, i) => channel * output_ + tapsOf[Math.floor(i / channels)]! - tapsOf[0]!,
    ),
  });
  const shift = v.start * x.strides[2]! + u.start * x.strides[3]!;
  emitConv(emit, {
    label: `conv transpose ${node.name}`,
    x: { ...x, address: moved(x.address, 4 * shift) },
    weights,
    bias: packedBias(site, 2, groups, outputs, channelsOf && { outputOffsets: channelsOf }),
    y: part(output, 0),
    extras: extras.map((extra, i) => part(extra, 1 + i)),
    epilogue,
    taps: [v.taps, u.taps],
    stride: [1, 1],
    dilation: [v.dilation, u.dilation],
    groups,
    ...(!steps && {
      places: {
        y: placesOf(join, channels, output),
        extras: extras.map((extra) => placesOf(join, channels, extra)),
      },
    }),
  });
}
