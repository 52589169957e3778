// Convolution of codes over NHWC: any kernel, stride, dilation and groups. Padding is the input's halo, filled
// with the code of zero.

import { type AttrsOf, assert, elementCount, type OpNode } from '@espalier/ir';
import { type Address, channelsLast, elementBytes, type Halo, moved } from '../../../plan/view.ts';
import type { Local } from '../assembler.ts';
import type { Kernel, Site, Wish } from '../kernel.ts';
import { blocksOf, type ConvLoops, convLoops } from './conv-tiles.ts';
import { extraOf } from './epilogue.ts';
import { waitingBytes } from './integer-finish.ts';
import { blockBytes, packedBias, packedWeights, quad } from './integer-pack.ts';
import { keptQuads, packedQuads, placedQuads } from './integer-quads.ts';
import { createIntegerTile, integerTilePixels } from './integer-tile.ts';
import { worthFrom } from './sparse-blocks.ts';
import {
  blockLanes,
  blockTaps,
  overTable,
  overTiles,
  prefersBlocksOutside,
  tileRereads,
} from './tile.ts';

/** What kernels of codes wish of their input. */
export function codesWish(node: OpNode): Wish {
  const { pads, zero } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  return { unitAxis: 1, halo: pads satisfies Halo, fill: zero };
}

/** What dense and sparse convolutions of codes differ in. */
interface Taps {
  readonly label: string;
  readonly weights: Address;
  readonly weightBytes: number;
  /** Bytes of the weights of a block, where all have as many; 0 where a table leads through them. */
  readonly wBlockStep: number;
  /** The place of the first tap, less that of the pixel that the window begins at. */
  readonly lowest: number;
  /** The counts and offsets of a table, and the quads that a block keeps, on average. */
  readonly table?: { readonly counts: Address; readonly offsets: Address; readonly mean: number };
}

function lowerCodes(
  { node, input, output, extras, epilogue, emit }: Site,
  taps: Taps,
  loops: ConvLoops,
): void {
  const { pads, groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  const o = node.inputs[1]!.type.shape[0]!;
  const view = input(0);
  const back = pads[0] * view.strides[2]! + pads[1] * view.strides[3]!;
  const { weightBytes, wBlockStep, table } = taps;
  const outputs = o / groups;
  const blocks = blocksOf(outputs);
  const run = loops.taps.at(-1)!.extent;
  const inputBytes = elementCount(view.shape) / groups;
  const blocksOutside = prefersBlocksOutside(weightBytes, inputBytes);
  const operands = extras.map(extraOf);
  const waiting = waitingBytes(epilogue, integerTilePixels({ relaxed: true }));

  emit.call({
    label: taps.label,
    rereads: tileRereads({
      weightBytes,
      inputBytes,
      pixels: elementCount(output.shape) / o,
      blocks,
      blocksOutside,
    }),
    args: [
      moved(view.address, taps.lowest - back),
      taps.weights,
      packedBias(emit, node),
      output.address,
      ...extras.map(({ address }) => address),
      ...(table ? [table.counts, table.offsets] : []),
      ...(waiting > 0 ? [emit.scratch(waiting, `${node.name}, sums`)] : []),
    ],
    write(asm, ...params) {
      const pointers = params.slice(0, 4 + extras.length) as [Local, Local, Local, Local];
      const others = params.slice(pointers.length);
      const [counts, offsets] = table ? (others.splice(0, 2) as [Local, Local]) : [];
      const places =
        table && counts && offsets ? { counts, offsets, meanTaps: table.mean } : undefined;
      const own = places && blockTaps(asm, places);
      const tile = createIntegerTile(
        asm,
        {
          dtype: node.type.dtype,
          xPixelStep: loops.pixelSteps[0]!,
          yPixelStep: loops.pixelSteps[3]!,
          taps: own ?? { outer: loops.taps.slice(0, -1), quads: Math.ceil(run / quad) },
          extras: operands,
          epilogue,
        },
        pointers,
        others[0],
      );
      return overTiles(
        asm,
        {
          outer: loops.outer,
          fixedLoops: 1,
          outputs,
          blocksOutside,
          line: {
            pixels: loops.pixels,
            held: integerTilePixels(asm),
            steps: loops.pixelSteps,
          },
          blockSteps: [
            0,
            wBlockStep,
            4 * blockLanes,
            blockLanes * elementBytes(output.dtype),
            ...operands.map(({ laneStep }) => blockLanes * laneStep),
          ],
          ...(places &&
            own && {
              around: (all, body) => overTable(asm, places, own, pointers[1], all, body),
            }),
        },
        pointers,
        tile,
      );
    },
  });
}

/** The loops of a convolution of codes; every kernel but the taps. */
function loopsOf(
  { node, input, output, extras, epilogue }: Site,
  label: string,
  groupBytes: (taps: readonly { readonly extent: number }[]) => number,
): ConvLoops {
  const { stride, dilation, groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  const [, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
  const sizes = { taps: [r, s], stride, dilation, groups } as const;
  return convLoops({ ...sizes, label, x: input(0), y: output, extras, epilogue }, groupBytes);
}

/** Dense direct convolution of codes. */
export const convInteger: Kernel = {
  name: 'conv-integer',
  reads: () => [0],
  wish: codesWish,
  order: () => channelsLast(4),

  lower(site) {
    const { node, emit } = site;
    const { groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
    const [o, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const blocks = blocksOf(o / groups);
    const bytesOf = (taps: readonly { readonly extent: number }[]) =>
      blockBytes(
        taps.reduce((product, { extent }) => product * extent, 1),
        taps.at(-1)!.extent,
      );
    const label = `conv ${r}×${s} int8 ${node.name}`;
    const loops = loopsOf(site, label, (taps) => blocks * bytesOf(taps));
    const wBlockStep = bytesOf(loops.taps);
    lowerCodes(
      site,
      {
        label,
        weights: packedWeights(emit, node, loops.taps.at(-1)!.extent),
        weightBytes: blocks * wBlockStep,
        wBlockStep,
        lowest: 0,
      },
      loops,
    );
  },
};

/** Convolution of codes whose weights have zeros: each block of 8 outputs visits the fours of inputs it keeps. */
export const convIntegerSparse: Kernel = {
  name: 'conv-integer-sparse',
  worthFrom,
  accepts: (node) => keptQuads(node) !== undefined,
  reads: () => [0],
  wish: codesWish,
  order: () => channelsLast(4),

  lower(site) {
    const { node, emit, input } = site;
    const { dilation } = node.attrs as AttrsOf<'convInteger'>; // its op says so
    const kept = keptQuads(node);
    assert(kept, 'it accepts sparse constants only');
    const [, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const label = `sparse conv ${r}×${s} int8 ${node.name}`;
    const { lists, offsets: bytes, lowest } = placedQuads(node, kept, input(0), dilation);
    const { offsets, counts } = emit.offsets(bytes, node.inputs[1]!.name);
    const quads = lists.reduce((sum, { length }) => sum + length, 0);
    lowerCodes(
      site,
      {
        label,
        weights: packedQuads(emit, node, lists),
        weightBytes: quads * quad * blockLanes,
        wBlockStep: 0,
        lowest,
        table: { offsets, counts, mean: quads / lists.length },
      },
      loopsOf(site, label, () => 0),
    );
  },
};
