// What happens to a tile's sums before they are stored: the epilogue, with its operands.

import type { DType, Scalar } from '@espalier/ir';
import type { View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { emitScalar, weightOf } from '../scalar.ts';
import { nest, storeLanes } from '../walk.ts';

/** An operand of the epilogue. */
export interface ExtraOperand {
  readonly dtype: DType;
  /** Bytes from one pixel to the next, and from one output to the next. */
  readonly pixelStep: number;
  readonly laneStep: number;
}

/** What `finish` has to know; steps are in bytes. */
export interface Finishing {
  readonly yPixelStep: number;
  readonly extras: readonly ExtraOperand[];
  readonly epilogue: Scalar | undefined;
}

/** Longer epilogues run in a loop over what has been stored, so that their code is there once. */
const inlineWeight = 8;

/**
 * Statement: applies the epilogue to a tile's sums and stores them.
 *
 * @param scratch A pointer that may be overwritten.
 */
export function finish(
  asm: Assembler,
  { epilogue, extras: specs, yPixelStep }: Finishing,
  y: Local,
  extras: readonly Local[],
  pixels: number,
  lanes: number,
  sum: (pixel: number, vector: number) => Local,
  scratch: Local,
): Expr {
  const vectors = Math.ceil(lanes / 4);
  const width = (vector: number) => Math.min(4, lanes - 4 * vector);
  const store = (to: Local, value: Local, bytes: number, vector: number): Expr => {
    const [address, rest] = offset(asm, to, bytes);
    return rest === 0
      ? storeLanes(asm, address, value, width(vector))
      : width(vector) === 4
        ? asm.store('v128.store', address, value.get, rest)
        : storeLanes(asm, asm.op('i32.add', to.get, asm.i32(bytes)), value, width(vector));
  };
  const applied = (value: Local, from: readonly Local[], pixel: number, vector: number): Expr =>
    epilogue
      ? value.set(
          emitScalar(asm, epilogue, [
            { value: value.get, dtype: 'f32' },
            ...from.map((pointer, i) => ({
              value: loadExtra(asm, pointer, specs[i]!, pixel, vector, width(vector)),
              dtype: specs[i]!.dtype,
            })),
          ]),
        )
      : asm.seq();
  const all = Array.from({ length: pixels * vectors }, (_, i) => ({
    pixel: Math.floor(i / vectors),
    vector: i % vectors,
  }));
  const stored = (pixel: number, vector: number) =>
    store(y, sum(pixel, vector), pixel * yPixelStep + 16 * vector, vector);
  if (!epilogue || weightOf(epilogue) <= inlineWeight || (pixels === 1 && vectors === 1))
    return asm.seq(
      ...all.map(({ pixel, vector }) =>
        asm.seq(applied(sum(pixel, vector), extras, pixel, vector), stored(pixel, vector)),
      ),
    );
  // Stored raw, and finished pixel by pixel.
  const value = sum(0, 0);
  const own = extras.map(() => asm.i32Local());
  const finishPixel = Array.from({ length: vectors }, (_, vector) =>
    asm.seq(
      value.set(asm.load('v128.load', scratch.get, 16 * vector)),
      applied(value, own, 0, vector),
      store(scratch, value, 16 * vector, vector),
    ),
  );
  return asm.seq(
    ...all.map(({ pixel, vector }) => stored(pixel, vector)),
    scratch.set(y.get),
    ...own.map((pointer, i) => pointer.set(extras[i]!.get)),
    nest(
      asm,
      [{ extent: pixels, steps: [yPixelStep, ...specs.map(({ pixelStep }) => pixelStep)] }],
      [scratch, ...own],
      asm.seq(...finishPixel),
    ),
  );
}

/** Address and unsigned offset of a place `bytes` from a pointer. */
export const offset = (asm: Assembler, pointer: Local, bytes: number): [Expr, number] =>
  bytes >= 0 ? [pointer.get, bytes] : [asm.op('i32.add', pointer.get, asm.i32(bytes)), 0];

/** Value: four lanes of an epilogue's operand at a pixel of the tile. */
export function loadExtra(
  asm: Assembler,
  pointer: Local,
  { pixelStep, laneStep }: ExtraOperand,
  pixel: number,
  vector: number,
  lanes: number,
): Expr {
  const bytes = pixel * pixelStep + 4 * vector * laneStep;
  if (laneStep === 4) return asm.load('v128.load', ...offset(asm, pointer, bytes));
  if (laneStep === 0) return asm.load('v128.load32_splat', ...offset(asm, pointer, bytes));
  let value = asm.load('v128.load32_zero', ...offset(asm, pointer, bytes));
  for (let lane = 1; lane < lanes; lane++) {
    const [address, rest] = offset(asm, pointer, bytes + lane * laneStep);
    value = asm.loadLane('v128.load32_lane', address, value, lane, rest);
  }
  return value;
}

/** The steps of an epilogue's operand, from its view over `[N, C, H, W]`. */
export const extraOf = ({ dtype, strides }: View): ExtraOperand => ({
  dtype,
  pixelStep: 4 * strides[3]!,
  laneStep: 4 * strides[1]!,
});
