// Fully connected layers: a 1×1 convolution whose pixels are the rows of the input.

import { assert, elementCount } from '@espalier/ir';
import { noHalo, rowMajor, type View } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import { emitConv } from './conv-tiles.ts';
import { packedBias, packedWeights, runtimeReads } from './pack.ts';

/** `[…, K]` as pixels of K channels. */
export function asPixels(view: View): View {
  const k = view.shape.at(-1)!;
  const rows = elementCount(view.shape.slice(0, -1));
  return { ...view, shape: [1, k, 1, rows], strides: [0, 1, 0, k], halo: noHalo };
}

/** An operand of the epilogue, dense and of the result's shape, or repeated for each row. */
export function extraPixels(view: View): View {
  const rank = view.shape.length;
  const rows = elementCount(view.shape.slice(0, -1));
  const shape = [1, view.shape.at(-1)!, 1, rows];
  const lane = view.strides[rank - 1]!;
  // The axes before the last have to be one walk.
  let step = 0;
  let extent = 1;
  for (let axis = rank - 2; axis >= 0; axis--) {
    if (view.shape[axis] === 1) continue;
    if (extent === 1) step = view.strides[axis]!;
    else
      assert(view.strides[axis] === step * extent, 'fused operands repeat for each row, or none');
    extent *= view.shape[axis]!;
  }
  return { ...view, shape, strides: [0, lane, 0, step], halo: noHalo };
}

/** Rows times the transpose of the weights, plus bias. */
export const linear: Kernel = {
  name: 'linear',
  writesDense: true,
  reads: runtimeReads,
  wish: (node, index) => ({ dense: rowMajor(node.inputs[index]!.type.shape.length) }),
  order: (node) => rowMajor(node.type.shape.length),

  lower(site) {
    const { node, output, emit } = site;
    const [o, k] = node.inputs[1]!.type.shape as [number, number];
    emitConv(emit, {
      label: `linear ${node.name}`,
      x: asPixels(site.input(0)),
      weights: packedWeights(site, 1, {
        groups: 1,
        outputs: o,
        inputs: k,
        rows: 1,
        columns: 1,
        strides: { group: 0, output: k, input: 1, row: 0, column: 0 },
        offset: 0,
      }),
      bias: packedBias(site, 2, 1, o),
      y: asPixels(output),
      extras: site.extras.map(extraPixels),
      epilogue: site.epilogue,
      taps: [1, 1],
      stride: [1, 1],
      dilation: [1, 1],
      groups: 1,
    });
  },
};
