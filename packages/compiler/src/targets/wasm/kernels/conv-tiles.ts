// A convolution without padding over views, as tiles: what `conv`, `convTranspose` and `linear` come to.

import type { Scalar } from '@espalier/ir';
import { type Address, elementBytes, type View } from '../../../plan/view.ts';
import type { Emitter } from '../kernel.ts';
import type { Loop } from '../walk.ts';
import { extraOf } from './epilogue.ts';
import { biasBytes, blockLanes, emitTiles, prefersBlocksOutside, tileRereads } from './tile.ts';

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
  /**
   * Where each output lies, in bytes from the first, in y and in each extra: for up to 8 outputs that are
   * not evenly spaced. Default: by the strides of their channels.
   */
  readonly places?: {
    readonly y: readonly number[];
    readonly extras: readonly (readonly number[])[];
  };
  /**
   * Where channels of x are pairs of 16-bit integers, as are weights, and the bias is `[group][block][bias, scale][8]`:
   * what 1 of x stands for, four times.
   */
  readonly inputStep?: Address;
  /** The taps that each block keeps, with weights `[tap][8]`; one group only. Default: all of them. */
  readonly table?: { readonly offsets: Address; readonly counts: Address };
}

/** Blocks of 8 that the outputs of one group take. */
export const blocksOf = (outputs: number): number => Math.ceil(outputs / blockLanes);

/** The loops of a convolution over views, in bytes. */
export interface ConvLoops {
  /** Around the rows of pixels, over the pointers [x, w, bias, y, ...extras]: groups first. */
  readonly outer: readonly Loop[];
  readonly pixels: number;
  /** What each pointer moves from one pixel to the next. */
  readonly pixelSteps: readonly number[];
  /** The taps of one output over x, innermost last. */
  readonly taps: readonly { readonly extent: number; readonly step: number }[];
}

/** The loops of a convolution, neighbours that run on without a gap merged. */
export function convLoops(
  {
    x,
    y,
    extras,
    taps,
    stride,
    dilation,
    groups,
    inputStep,
  }: Omit<ConvOverViews, 'weights' | 'bias'>,
  weightGroupBytes: (taps: ConvLoops['taps']) => number,
): ConvLoops {
  const [n, c] = x.shape as [number, number];
  const [, o, rows, columns] = y.shape as [number, number, number, number];
  const [inputs, outputs] = [c / groups, o / groups];
  const inBytes = ({ dtype, strides }: View) =>
    strides.map((stride) => elementBytes(dtype) * stride) as [number, number, number, number];
  const [xc, yc] = [elementBytes(x.dtype), elementBytes(y.dtype)];
  const [xn, , xh, xw] = inBytes(x);
  const [yn, , yh, yw] = inBytes(y);
  const along = (axis: number) => extras.map((extra) => inBytes(extra)[axis]!);

  const run = { extent: inputs, step: xc };
  const tapLoops = [
    { extent: taps[0], step: xh * dilation[0] },
    { extent: taps[1], step: xw * dilation[1] },
    run,
  ];
  // Columns, and then rows, of a window that lie next to each other are one longer run.
  while (tapLoops.length > 1) {
    const [next, inner] = tapLoops.slice(-2) as [typeof run, typeof run];
    if (next.extent !== 1 && next.step !== inner.extent * inner.step) break;
    tapLoops.splice(-2, 2, { extent: next.extent * inner.extent, step: inner.step });
  }

  const outer: Loop[] = [
    {
      extent: groups,
      steps: [
        xc * inputs,
        weightGroupBytes(tapLoops),
        blocksOf(outputs) * biasBytes(inputStep !== undefined),
        yc * outputs,
        ...along(1).map((step) => step * outputs),
      ],
    },
    { extent: n, steps: [xn, 0, 0, yn, ...along(0)] },
    { extent: rows, steps: [xh * stride[0], 0, 0, yh, ...along(2)] },
  ];
  // Rows that follow each other without a gap, in every operand, are one row.
  let pixels = columns;
  const pixelSteps = [xw * stride[1], 0, 0, yw, ...along(3)];
  while (outer.length > 1) {
    const last = outer.at(-1)!;
    const runsOn = last.steps.every((step, i) => step === pixels * pixelSteps[i]!);
    if (last.extent !== 1 && !runsOn) break;
    pixels *= last.extent;
    outer.pop();
  }
  return {
    outer: outer.filter(({ extent }, i) => i === 0 || extent > 1),
    pixels,
    pixelSteps,
    taps: tapLoops,
  };
}

/** Groups with fewer outputs are stored lane by lane, and cost as little else does. */
const fewestLanes = 4;

/** Adds the step of a convolution. */
export function emitConv(emit: Emitter, conv: ConvOverViews): void {
  const { x, y, extras, taps, groups } = conv;
  const [n, c] = x.shape as [number, number];
  const [, o, rows, columns] = y.shape as [number, number, number, number];
  const [inputs, outputs] = [c / groups, o / groups];
  const blocks = blocksOf(outputs);
  const wBlockStep = 4 * blockLanes * taps[0] * taps[1] * inputs;
  const loops = convLoops(conv, () => blocks * wBlockStep);

  const inputBytes = 4 * inputs * (x.shape[2] ?? 1) * (x.shape[3] ?? 1);
  const weightBytes = conv.table ? conv.weights.buffer.bytes : blocks * wBlockStep;
  const blocksOutside = prefersBlocksOutside(weightBytes, inputBytes);
  const tableBytes = conv.table?.offsets.buffer.bytes ?? 0;

  emit.call({
    ...(outputs < fewestLanes && !conv.table && !conv.inputStep && { kernel: 'conv-narrow' }),
    label: conv.label,
    rereads: tileRereads({
      weightBytes: weightBytes + tableBytes,
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
      ...(conv.inputStep ? [conv.inputStep] : []),
      ...(conv.table ? [conv.table.counts, conv.table.offsets] : []),
    ],
    write(asm, ...all) {
      const pointers = all.slice(0, 4 + extras.length);
      const others = all.slice(pointers.length);
      const inputStep = conv.inputStep && others.shift();
      const [counts, offsets] = others;
      return emitTiles(
        asm,
        {
          outer: loops.outer,
          fixedLoops: 1,
          pixels: loops.pixels,
          xPixelStep: loops.pixelSteps[0]!,
          yPixelStep: loops.pixelSteps[3]!,
          taps:
            counts && offsets
              ? { counts, offsets, meanTaps: weightBytes / (4 * blockLanes * blocks) }
              : { loops: loops.taps, wTapStep: 4 * blockLanes, wBlockStep },
          outputs,
          hasBias: true,
          inputStep,
          yPlaces: conv.places?.y,
          extras: extras.map((extra, i) => {
            const places = conv.places?.extras[i];
            return places ? { ...extraOf(extra), places } : extraOf(extra);
          }),
          epilogue: conv.epilogue,
          blocksOutside,
        },
        pointers,
      );
    },
  });
}
