// Cuts a layer into parts that may run at the same time: each makes some of the output channels.

import { type AttrsOf, type ConstantNode, macsOf, type Node, type OpNode } from '@espalier/ir';
import { sliced } from '../../plan/strides.ts';
import type { View } from '../../plan/view.ts';
import type { Kernel, Site } from './kernel.ts';
import { blockLanes } from './kernels/tile.ts';

/** Below this many multiply-adds a part takes less time than waiting for another thread may. */
const fewestMacs = 250_000;

/**
 * Parts for each thread, so that one which is late, or slow, leaves work to the others. Direct kernels lose
 * nothing by that; with Winograd every part transforms the whole input.
 */
const partsPerThread = { direct: 2, winograd: 1 } as const;

const isConvolution = ({ op }: OpNode): boolean => op === 'conv' || op === 'convInteger';

/** Output channels `[from, to)`. */
type Channels = readonly [from: number, to: number];

/**
 * The sites of a layer's parts, for a kernel that packs its own weights and writes through strides.
 * Parts share their input and write apart, so that any order of them gives the same result; the
 * kernel sees ordinary, smaller layers. `undefined` where a layer is better left whole.
 */
export function splitSite(site: Site, kernel: Kernel, threads: number): Site[] | undefined {
  const { node } = site;
  if (threads < 2 || !isConvolution(node) || kernel.writesDense) return undefined;
  const [x, w, bias] = node.inputs;
  const reads = kernel.reads?.(node);
  if (w?.kind !== 'constant' || bias?.kind !== 'constant' || reads?.join() !== '0')
    return undefined;
  const { groups } = node.attrs as AttrsOf<'conv'>; // both ops have them
  const outputs = node.type.shape[1]!;
  const depthwise = groups === outputs && groups === x!.type.shape[1];
  if (groups !== 1 && !depthwise) return undefined;

  const blocks = Math.ceil(outputs / blockLanes);
  const most = Math.min(blocks, Math.floor(macsOf(node) / fewestMacs));
  if (most < threads) return undefined;
  const parts = Math.min(
    most - (most % threads),
    threads * partsPerThread[kernel.inexact ? 'winograd' : 'direct'],
  );
  const edge = (part: number) =>
    Math.min(outputs, Math.floor((blocks * part) / parts) * blockLanes);
  const ranges = Array.from(
    { length: parts },
    (_, p): Channels => [edge(p), p === parts - 1 ? outputs : edge(p + 1)],
  );
  const sites = ranges.map((range) => partOf(site, range, depthwise));
  return sites.every((part) => kernel.accepts?.(part.node) ?? true) ? sites : undefined;
}

function partOf(site: Site, range: Channels, depthwise: boolean): Site {
  const { node, output, extras } = site;
  const [x, w, bias, ...others] = node.inputs as [Node, ConstantNode, ConstantNode, ...Node[]];
  const [from, to] = range;
  const attrs = node.attrs as AttrsOf<'conv'>; // both ops have them
  const part: OpNode = {
    ...node,
    attrs: depthwise ? { ...attrs, groups: to - from } : attrs,
    type: channelsOf(node, range),
    inputs: [
      depthwise ? { ...x, type: channelsOf(x, range) } : x,
      rowsOf(w, range),
      rowsOf(bias, range),
      ...others,
    ],
  };
  return {
    ...site,
    node: part,
    input: (index) => (depthwise ? cut(site.input(index), range) : site.input(index)),
    extras: extras.map((extra) => cut(extra, range)),
    output: cut(output, range),
  };
}

const channelsOf = ({ type }: Node, [from, to]: Channels) => ({
  ...type,
  shape: type.shape.map((extent, axis) => (axis === 1 ? to - from : extent)),
});

/** Rows of a constant whose first axis is outputs. */
function rowsOf(constant: ConstantNode, [from, to]: Channels): ConstantNode {
  const { type, value } = constant;
  const shape = [to - from, ...type.shape.slice(1)];
  const row = value.data.length / type.shape[0]!;
  const part = { ...type, shape };
  return {
    ...constant,
    type: part,
    value: { type: part, data: value.data.subarray(from * row, to * row) },
  };
}

/** Channels of a view of `[N, C, H, W]`, its halo kept. */
function cut(view: View, [from, to]: Channels): View {
  const starts = view.shape.map((_, axis) => (axis === 1 ? from : 0));
  const sizes = view.shape.map((extent, axis) => (axis === 1 ? to - from : extent));
  const steps = view.shape.map(() => 1);
  return { ...sliced(view, starts, sizes, steps), halo: view.halo };
}
