// Direct convolution and linear layers whose weights have zeros: each block of 8 outputs visits the
// taps it keeps. Lanes along outputs, so that a tap is one address and one broadcast a pixel.

import { type AttrsOf, assert, type OpNode } from '@espalier/ir';
import { channelsLast, type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Kernel, Site } from '../kernel.ts';
import { type ConvOverViews, emitConv } from './conv-tiles.ts';
import { asPixels, extraPixels } from './linear.ts';
import { packedBias } from './pack.ts';
import { keptColumns, keptWeights, type Lists, sparseWeights, worthFrom } from './sparse-blocks.ts';
import { tapColumns, tapOffsets } from './sparse-taps.ts';
import { blockLanes } from './tile.ts';

const listsOf = new WeakMap<object, Lists>();

function tapLists(node: OpNode): Lists {
  const w = sparseWeights(node);
  assert(w, 'it accepts sparse constants only');
  const lists = listsOf.get(w) ?? keptColumns(w.value, tapColumns(w.type.shape));
  listsOf.set(w, lists);
  return lists;
}

function lowerSparse(
  site: Site,
  conv: Omit<ConvOverViews, 'label' | 'weights' | 'bias' | 'table' | 'groups'>,
): void {
  const { node, emit } = site;
  const w = sparseWeights(node);
  assert(w, 'it accepts sparse constants only');
  const lists = tapLists(node);
  const shape = tapColumns(w.type.shape);
  const { taps, offsets: bytes, lowest } = tapOffsets(lists, w.type.shape, conv.x, conv.dilation);
  const { offsets, counts } = emit.offsets(bytes, w.name);
  emitConv(emit, {
    ...conv,
    label: `sparse ${node.op} ${conv.taps.join('×')} ${node.name}`,
    x: { ...conv.x, address: moved(conv.x.address, lowest) },
    weights: emit.constant(keptWeights(w.value, shape, taps), w.name, {
      blocks: lists.length,
      rows: lists.map(({ length }) => length),
      lanes: blockLanes,
    }),
    bias: packedBias(site, 2, 1, shape.outputs),
    table: { offsets, counts },
    groups: 1,
  });
}

/** Sparse direct convolution over NHWC. */
export const convSparse: Kernel = {
  name: 'conv-sparse',
  worthFrom,

  accepts: (node) =>
    (node.attrs as AttrsOf<'conv'>).groups === 1 && sparseWeights(node) !== undefined,
  reads: () => [0],
  wish: (node) => ({ unitAxis: 1, halo: (node.attrs as AttrsOf<'conv'>).pads satisfies Halo }),
  order: () => channelsLast(4),

  lower(site) {
    const { stride, dilation, pads } = site.node.attrs as AttrsOf<'conv'>; // its op says so
    const [, , r, s] = site.node.inputs[1]!.type.shape as [number, number, number, number];
    const x = site.input(0);
    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    lowerSparse(site, {
      x: { ...x, address: moved(x.address, -4 * back) },
      y: site.output,
      extras: site.extras,
      epilogue: site.epilogue,
      taps: [r, s],
      stride,
      dilation,
    });
  },
};

/** Sparse linear layers: the rows of the input are pixels. */
export const linearSparse: Kernel = {
  name: 'linear-sparse',
  worthFrom,
  writesDense: true,

  accepts: (node) => sparseWeights(node) !== undefined,
  reads: () => [0],
  wish: (node, index) => ({ dense: rowMajor(node.inputs[index]!.type.shape.length) }),
  order: (node) => rowMajor(node.type.shape.length),
  lower: (site) =>
    lowerSparse(site, {
      x: asPixels(site.input(0)),
      y: asPixels(site.output),
      extras: site.extras.map(extraPixels),
      epilogue: site.epilogue,
      taps: [1, 1],
      stride: [1, 1],
      dilation: [1, 1],
    }),
};
