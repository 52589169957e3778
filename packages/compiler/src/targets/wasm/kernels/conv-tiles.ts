// A convolution without padding over views, as tiles: what `conv`, `convTranspose` and `linear` come to.

import type { Scalar } from '@espalier/ir';
import type { Address, View } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import type { Loop } from '../walk.ts';
import { extraOf } from './epilogue.ts';
import { blockLanes, emitTiles, prefersBlocksOutside, tileRereads } from './tile.ts';

/** A convolution whose window never leaves the view, its margin included. */
export interface ConvOverViews {
  readonly label: string;
  /** `[N, C, H, W]`, channels dense; the first window starts at its address. */
  readonly x: View;
  /** Weights as `[group][block][r][s][i][8]`, and the bias as `[group][block][8]`. */
  readonly weights: Address;
  readonly bias: Address;
  /** `[N, O, H′, W′]`, channels dense. */
  readonly y: View;
  readonly extras: readonly View[];
  readonly epilogue: Scalar | undefined;
  readonly taps: readonly [rows: number, columns: number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  /** The taps that each block keeps, with weights `[tap][8]`; one group only. Default: all of them. */
  readonly table?: { readonly offsets: Address; readonly counts: Address };
}

/** Blocks of 8 that the outputs of one group take. */
export const blocksOf = (outputs: number): number => Math.ceil(outputs / blockLanes);

/** Adds the step of a convolution. */
export function emitConv(emit: Emitter, conv: ConvOverViews): void {
  const { x, y, extras, taps, stride, dilation, groups } = conv;
  const [n, c] = x.shape as [number, number];
  const [, o, rows, columns] = y.shape as [number, number, number, number];
  const [inputs, outputs] = [c / groups, o / groups];
  const blocks = blocksOf(outputs);
  const wBlockStep = 4 * blockLanes * taps[0] * taps[1] * inputs;
  const [xn, , xh, xw] = x.strides as [number, number, number, number];
  const [yn, , yh, yw] = y.strides as [number, number, number, number];
  const along = (axis: number) => extras.map(({ strides }) => 4 * strides[axis]!);

  const outer: Loop[] = [
    {
      extent: groups,
      steps: [
        4 * inputs,
        blocks * wBlockStep,
        4 * blocks * blockLanes,
        4 * outputs,
        ...along(1).map((step) => step * outputs),
      ],
    },
    { extent: n, steps: [4 * xn, 0, 0, 4 * yn, ...along(0)] },
    { extent: rows, steps: [4 * xh * stride[0], 0, 0, 4 * yh, ...along(2)] },
  ];
  // Rows that follow each other without a gap, in every operand, are one row.
  let pixels = columns;
  const pixelSteps = [4 * xw * stride[1], 0, 0, 4 * yw, ...along(3)];
  while (outer.length > 1) {
    const last = outer.at(-1)!;
    const runsOn = last.steps.every((step, i) => step === pixels * pixelSteps[i]!);
    if (last.extent !== 1 && !runsOn) break;
    pixels *= last.extent;
    outer.pop();
  }

  const run = { extent: inputs, step: 4 };
  const tapLoops = [
    { extent: taps[0], step: 4 * xh * dilation[0] },
    { extent: taps[1], step: 4 * xw * dilation[1] },
    run,
  ];
  // Columns, and then rows, of a window that lie next to each other are one longer run.
  while (tapLoops.length > 1) {
    const [next, inner] = tapLoops.slice(-2) as [typeof run, typeof run];
    if (next.extent !== 1 && next.step !== inner.extent * inner.step) break;
    tapLoops.splice(-2, 2, { extent: next.extent * inner.extent, step: inner.step });
  }

  const inputBytes = 4 * inputs * (x.shape[2] ?? 1) * (x.shape[3] ?? 1);
  const weightBytes = conv.table ? conv.weights.buffer.bytes : blocks * wBlockStep;
  const blocksOutside = prefersBlocksOutside(weightBytes, inputBytes);

  emit.call({
    label: conv.label,
    rereads: tileRereads({
      weightBytes,
      inputBytes,
      pixels: n * rows * columns,
      blocks,
      blocksOutside,
    }).map(({ bytes, span }) => ({ bytes: groups * bytes, span })),
    args: [
      x.address,
      conv.weights,
      conv.bias,
      y.address,
      ...extras.map(({ address }) => address),
      ...(conv.table ? [conv.table.counts, conv.table.offsets] : []),
    ],
    write(asm, ...all) {
      const pointers = all.slice(0, 4 + extras.length);
      const [counts, offsets] = all.slice(pointers.length);
      return emitTiles(
        asm,
        {
          outer: outer.filter(({ extent }, i) => i === 0 || extent > 1),
          fixedLoops: 1,
          pixels,
          xPixelStep: pixelSteps[0]!,
          yPixelStep: pixelSteps[3]!,
          taps:
            counts && offsets
              ? { counts, offsets, meanTaps: weightBytes / (4 * blockLanes * blocks) }
              : { loops: tapLoops, wTapStep: 4 * blockLanes, wBlockStep },
          outputs,
          hasBias: true,
          extras: extras.map(extraOf),
          epilogue: conv.epilogue,
          blocksOutside,
        },
        pointers,
      );
    },
  });
}
