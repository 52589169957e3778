// Direct convolution and linear layers in fixed point: the input becomes integers first, and what follows are the tiles
// of floats with pairs of integers as taps. Zeros may be left out.

import { type AttrsOf, assert, type ConstantNode, type OpNode } from '@espalier/ir';
import { channelsLast, type Halo, moved, rowMajor, type View } from '../../../plan/view.ts';
import type { Kernel, Site } from '../kernel.ts';
import { type ConvOverViews, emitConv } from './conv-tiles.ts';
import {
  allPairs,
  fixedPointFor,
  keptPairs,
  packedPairs,
  packedScales,
  pairColumns,
  skipsEnough,
  takesFixedPoint,
  worthFrom,
} from './fixed-point.ts';
import { asPixels, extraPixels } from './linear.ts';
import { packInputs } from './pack-fixed.ts';
import type { Lists } from './sparse-blocks.ts';
import { tapOffsets } from './sparse-taps.ts';

const known = new WeakMap<object, Lists | 'dense'>();

/** The pairs that blocks keep, if enough are left out. */
function sparsePairs(node: OpNode): Lists | undefined {
  const w = node.inputs[1] as ConstantNode; // `takesFixedPoint` has seen to it
  const found = known.get(w) ?? listsOf(w);
  known.set(w, found);
  return found === 'dense' ? undefined : found;
}

function listsOf(w: ConstantNode): Lists | 'dense' {
  const lists = keptPairs(w);
  return skipsEnough(lists, pairColumns(w.type.shape).columns) ? lists : 'dense';
}

/** A layer as a convolution over views of floats. */
type Layer = Omit<
  ConvOverViews,
  'label' | 'weights' | 'bias' | 'table' | 'inputStep' | 'places' | 'groups'
>;

function lowerFixed({ node, emit }: Site, layer: Layer, groups: number, sparse: boolean): void {
  const w = node.inputs[1] as ConstantNode; // `takesFixedPoint` has seen to it
  const fixed = fixedPointFor(node);
  const { taps, dilation } = layer;
  const [rows, columns] = layer.y.shape.slice(2) as [number, number];
  const pointwise = taps[0] === 1 && taps[1] === 1;
  // What no window of one pixel touches is not packed.
  const stride = pointwise ? ([1, 1] as const) : layer.stride;
  const [n, c, h, width] = layer.x.strides as [number, number, number, number];
  const reach = (outputs: number, axis: 0 | 1) =>
    (outputs - 1) * stride[axis] + (taps[axis] - 1) * dilation[axis] + 1;
  const { view: x, step } = packInputs(emit, {
    label: node.name,
    from: pointwise
      ? { ...layer.x, strides: [n, c, h * layer.stride[0], width * layer.stride[1]] }
      : layer.x,
    rows: reach(rows, 0),
    columns: reach(columns, 1),
    levels: fixed.levels,
  });
  const lists = sparse ? sparsePairs(node) : undefined;
  assert(!sparse || lists, 'it accepts sparse constants only');
  const common = {
    ...layer,
    label: `${sparse ? 'sparse ' : ''}fixed-point ${node.op} ${taps.join('×')} ${node.name}`,
    stride,
    groups,
    bias: packedScales(emit, node, fixed),
    inputStep: step,
  };
  if (!lists) {
    const weights = packedPairs(emit, node, fixed, allPairs(w.type.shape, groups));
    emitConv(emit, { ...common, x, weights });
    return;
  }
  const shape = [w.type.shape[0]!, x.shape[1]!, ...taps];
  const placed = tapOffsets(lists, shape, x, dilation);
  emitConv(emit, {
    ...common,
    x: { ...x, address: moved(x.address, placed.lowest) },
    weights: packedPairs(emit, node, fixed, placed.taps),
    table: emit.offsets(placed.offsets, w.name),
  });
}

const convOf = (node: OpNode) => node.attrs as AttrsOf<'conv'>; // asked of convolutions only

const convFixedPoint = (sparse: boolean): Kernel => ({
  name: `conv-fixed${sparse ? '-sparse' : ''}`,
  inexact: true,
  worthFrom: sparse ? worthFrom : 1,
  accepts: (node) =>
    takesFixedPoint(node) &&
    (!sparse || (convOf(node).groups === 1 && sparsePairs(node) !== undefined)),
  reads: () => [0],
  wish: (node) => ({ unitAxis: 1, halo: convOf(node).pads satisfies Halo }),
  order: () => channelsLast(4),

  lower(site) {
    const { stride, dilation, pads, groups } = convOf(site.node);
    const [, , r, s] = site.node.inputs[1]!.type.shape as [number, number, number, number];
    const x = site.input(0);
    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    const { output: y, extras, epilogue } = site;
    const from: View = { ...x, address: moved(x.address, -4 * back) };
    lowerFixed(
      site,
      { x: from, y, extras, epilogue, taps: [r, s], stride, dilation },
      groups,
      sparse,
    );
  },
});

const linearFixedPoint = (sparse: boolean): Kernel => ({
  name: `linear-fixed${sparse ? '-sparse' : ''}`,
  inexact: true,
  worthFrom: sparse ? worthFrom : 1,
  writesDense: true,
  accepts: (node) => takesFixedPoint(node) && (!sparse || sparsePairs(node) !== undefined),
  reads: () => [0],
  wish: (node, index) => ({ dense: rowMajor(node.inputs[index]!.type.shape.length) }),
  order: (node) => rowMajor(node.type.shape.length),

  lower(site) {
    const [x, y] = [asPixels(site.input(0)), asPixels(site.output)];
    const extras = site.extras.map(extraPixels);
    const one = [1, 1] as const;
    lowerFixed(
      site,
      { x, y, extras, epilogue: site.epilogue, taps: one, stride: one, dilation: one },
      1,
      sparse,
    );
  },
});

/** Dense convolutions of integers. */
export const convFixed = convFixedPoint(false);

/** Blocks of 8 outputs without pairs of inputs. */
export const convFixedSparse = convFixedPoint(true);

/** Dense linear layers of integers. */
export const linearFixed = linearFixedPoint(false);

/** Linear layers whose blocks of 8 outputs lack pairs of inputs. */
export const linearFixedSparse = linearFixedPoint(true);
