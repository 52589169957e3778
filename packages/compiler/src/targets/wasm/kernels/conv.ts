// Direct convolution over NHWC: any kernel, stride, dilation and groups. Padding is the input's halo.

import { type AttrsOf, rowMajorStrides } from '@espalier/ir';
import { channelsLast, type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import { emitConv } from './conv-tiles.ts';
import { packedBias, packedWeights, runtimeReads } from './pack.ts';

/** Dense direct convolution. */
export const conv: Kernel = {
  name: 'conv-direct',
  reads: runtimeReads,

  wish(node, index) {
    if (index > 0) return { dense: rowMajor(node.inputs[index]!.type.shape.length) };
    const { pads } = node.attrs as AttrsOf<'conv'>; // its op says so
    return { unitAxis: 1, halo: pads satisfies Halo };
  },

  order: () => channelsLast(4),

  lower(site) {
    const { node, output, extras, epilogue, emit } = site;
    const { stride, dilation, pads, groups } = node.attrs as AttrsOf<'conv'>; // its op says so
    const x = site.input(0);
    const [o, i, r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const [output_, input, row, column] = rowMajorStrides([o, i, r, s]) as [
      number,
      number,
      number,
      number,
    ];
    const outputs = o / groups;
    const weights = packedWeights(site, 1, {
      groups,
      outputs,
      inputs: i,
      rows: r,
      columns: s,
      strides: { group: outputs * output_, output: output_, input, row, column },
      offset: 0,
    });
    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    emitConv(emit, {
      label: `conv ${r}×${s} ${node.name}`,
      x: { ...x, address: moved(x.address, -4 * back) },
      weights,
      bias: packedBias(site, 2, groups, outputs),
      y: output,
      extras,
      epilogue,
      taps: [r, s],
      stride,
      dilation,
      groups,
    });
  },
};
