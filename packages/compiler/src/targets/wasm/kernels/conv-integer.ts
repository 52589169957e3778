// Convolution of codes over NHWC: any kernel, stride, dilation and groups. Padding is the input's halo, filled
// with the code of zero.

import { type AttrsOf, elementCount, type OpNode } from '@espalier/ir';
import { channelsLast, elementBytes, type Halo, moved } from '../../../plan/view.ts';
import type { Local } from '../assembler.ts';
import type { Kernel, Wish } from '../kernel.ts';
import { blocksOf, convLoops } from './conv-tiles.ts';
import { extraOf } from './epilogue.ts';
import { waitingBytes } from './integer-finish.ts';
import { blockBytes, packedBias, packedWeights, quad } from './integer-pack.ts';
import { createIntegerTile, integerTilePixels } from './integer-tile.ts';
import { blockLanes, overTiles, prefersBlocksOutside, tileRereads } from './tile.ts';

/** What kernels of codes wish of their input. */
export function codesWish(node: OpNode): Wish {
  const { pads, zero } = node.attrs as AttrsOf<'convInteger'>; // its op says so
  return { unitAxis: 1, halo: pads satisfies Halo, fill: zero };
}

/** Dense direct convolution of codes. */
export const convInteger: Kernel = {
  name: 'conv-integer',
  reads: () => [0],
  wish: codesWish,
  order: () => channelsLast(4),

  lower({ node, input, output, extras, epilogue, emit }) {
    const { stride, dilation, pads, groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
    const [o, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const view = input(0);
    const back = pads[0] * view.strides[2]! + pads[1] * view.strides[3]!;
    const x = { ...view, address: moved(view.address, -back) };
    const outputs = o / groups;
    const blocks = blocksOf(outputs);
    const sizes = { taps: [r, s], stride, dilation, groups } as const;
    const bytesOf = (taps: readonly { readonly extent: number }[]) =>
      blockBytes(
        taps.reduce((product, { extent }) => product * extent, 1),
        taps.at(-1)!.extent,
      );
    const label = `conv ${r}×${s} int8 ${node.name}`;
    const loops = convLoops(
      { ...sizes, label, x, y: output, extras, epilogue },
      (taps) => blocks * bytesOf(taps),
    );
    const wBlockStep = bytesOf(loops.taps);
    const run = loops.taps.at(-1)!.extent;
    const inputBytes = elementCount(view.shape) / groups;
    const weightBytes = blocks * wBlockStep;
    const blocksOutside = prefersBlocksOutside(weightBytes, inputBytes);
    const operands = extras.map(extraOf);
    const waiting = waitingBytes(epilogue, integerTilePixels({ relaxed: true }));

    emit.call({
      label,
      rereads: tileRereads({
        weightBytes,
        inputBytes,
        pixels: elementCount(output.shape) / o,
        blocks,
        blocksOutside,
      }),
      args: [
        x.address,
        packedWeights(emit, node, run),
        packedBias(emit, node),
        output.address,
        ...extras.map(({ address }) => address),
        ...(waiting > 0 ? [emit.scratch(waiting, `${node.name}, sums`)] : []),
      ],
      write(asm, ...params) {
        const pointers = params.slice(0, 4 + extras.length) as [Local, Local, Local, Local];
        const tile = createIntegerTile(
          asm,
          {
            dtype: node.type.dtype,
            xPixelStep: loops.pixelSteps[0]!,
            yPixelStep: loops.pixelSteps[3]!,
            outerTaps: loops.taps.slice(0, -1),
            quads: run > 0 ? Math.ceil(run / quad) : 0,
            extras: operands,
            epilogue,
          },
          pointers,
          params[4 + extras.length],
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
          },
          pointers,
          tile,
        );
      },
    });
  },
};
