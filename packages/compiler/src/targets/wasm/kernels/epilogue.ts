// What happens to a tile's sums before they are stored: the epilogue, with its operands.

import type { DType, Scalar } from '@espalier/ir';
import { elementBytes, type View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { loadCodes } from '../codes.ts';
import { emitScalars, isLong, lengthOf, vectorsTogether } from '../scalar.ts';
import { loadPlaces, storeLanes, storePlaces } from '../walk.ts';
import { inTiles } from './pixel-row.ts';

/** An operand of the epilogue. */
export interface ExtraOperand {
  readonly dtype: DType;
  /** Bytes from one pixel to the next, and from one output to the next. */
  readonly pixelStep: number;
  readonly laneStep: number;
  /** Bytes of each output from the first, where they are not evenly spaced. */
  readonly places?: readonly number[];
}

/** What `finish` has to know; steps are in bytes. */
export interface Finishing {
  readonly yPixelStep: number;
  /** Bytes of each output from the first; by default they are next to each other. */
  readonly yPlaces?: readonly number[] | undefined;
  readonly extras: readonly ExtraOperand[];
  readonly epilogue: Scalar | undefined;
}

/**
 * Statement: applies the epilogue to a tile's sums and stores them.
 *
 * @param scratch A pointer that may be overwritten.
 */
export function finish(
  asm: Assembler,
  { epilogue, extras: specs, yPixelStep, yPlaces }: Finishing,
  y: Local,
  extras: readonly Local[],
  pixels: number,
  lanes: number,
  sum: (pixel: number, vector: number) => Local,
  scratch: Local,
): Expr {
  const vectors = Math.ceil(lanes / 4);
  const width = (vector: number) => Math.min(4, lanes - 4 * vector);
  const store = (to: Local, value: Local, pixel: number, vector: number): Expr => {
    if (yPlaces)
      return storePlaces(asm, to.get, value, placesAt(yPlaces, vector, pixel * yPixelStep));
    const bytes = pixel * yPixelStep + 16 * vector;
    const [address, rest] = offset(asm, to, bytes);
    return rest === 0
      ? storeLanes(asm, address, value, width(vector))
      : width(vector) === 4
        ? asm.store('v128.store', address, value.get, rest)
        : storeLanes(asm, asm.op('i32.add', to.get, asm.i32(bytes)), value, width(vector));
  };
  const placesOf = (count: number): Place[] =>
    Array.from({ length: count * vectors }, (_, i) => ({
      pixel: Math.floor(i / vectors),
      vector: i % vectors,
    }));
  const all = placesOf(pixels);
  const sums = all.map(({ pixel, vector }) => sum(pixel, vector));
  const storeAll = all.map(({ pixel, vector }, i) => store(y, sums[i]!, pixel, vector));
  if (!epilogue) return asm.seq(...storeAll);

  /** Applies it to values in locals. */
  const apply = (places: readonly Place[], values: readonly Local[], from: readonly Local[]) =>
    asm.epilogue(
      lengthOf(epilogue),
      emitScalars(
        asm,
        epilogue,
        places.map(({ pixel, vector }, i) => [
          { value: values[i]!.get, dtype: 'f32' },
          ...from.map((pointer, extra) => ({
            value: loadExtra(asm, pointer, specs[extra]!, pixel, vector, width(vector)),
            dtype: specs[extra]!.dtype,
          })),
        ]),
        values,
      ),
    );
  const together = vectorsTogether(asm, epilogue);
  if (!isLong(epilogue) || all.length <= together)
    return asm.seq(
      ...all.map((place, i) => asm.seq(apply([place], [sums[i]!], extras), storeAll[i]!)),
    );
  // Stored raw, and finished some pixels at a time in a loop, so that the code is there once.
  const own = extras.map(() => asm.i32Local());
  const pointers = [scratch, ...own];
  const steps = [yPixelStep, ...specs.map(({ pixelStep }) => pixelStep)];
  const finishSome = (count: number): Expr => {
    const places = placesOf(count);
    const values = sums.slice(0, places.length);
    return asm.seq(
      ...places.map(({ pixel, vector }, i) => {
        const bytes = pixel * yPixelStep;
        const raw = yPlaces
          ? loadPlaces(asm, scratch.get, placesAt(yPlaces, vector, bytes))
          : asm.load('v128.load', ...offset(asm, scratch, bytes + 16 * vector));
        return asm.epilogue('long', values[i]!.set(raw));
      }),
      apply(places, values, own),
      ...places.map(({ pixel, vector }, i) => store(scratch, values[i]!, pixel, vector)),
    );
  };
  const row = { pixels, held: Math.max(1, Math.floor(together / vectors)), steps };
  return asm.seq(
    ...storeAll,
    scratch.set(y.get),
    ...own.map((pointer, i) => pointer.set(extras[i]!.get)),
    inTiles(asm, row, pointers, finishSome),
  );
}

/** A vector of a tile. */
interface Place {
  readonly pixel: number;
  readonly vector: number;
}

/** The places of the outputs of a vector at a pixel. */
const placesAt = (places: readonly number[], vector: number, bytes: number): number[] =>
  places.slice(4 * vector, 4 * vector + 4).map((place) => bytes + place);

/** Address and unsigned offset of a place `bytes` from a pointer. */
export const offset = (asm: Assembler, pointer: Local, bytes: number): [Expr, number] =>
  bytes >= 0 ? [pointer.get, bytes] : [asm.op('i32.add', pointer.get, asm.i32(bytes)), 0];

/** Value: four lanes of an epilogue's operand at a pixel of the tile. */
export function loadExtra(
  asm: Assembler,
  pointer: Local,
  { dtype, pixelStep, laneStep, places }: ExtraOperand,
  pixel: number,
  vector: number,
  lanes: number,
): Expr {
  if (places) return loadPlaces(asm, pointer.get, placesAt(places, vector, pixel * pixelStep));
  const bytes = pixel * pixelStep + 4 * vector * laneStep;
  if (dtype === 'u8') {
    const [address, rest] = offset(asm, pointer, bytes);
    return loadCodes(asm, address, laneStep, lanes, rest);
  }
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
  pixelStep: elementBytes(dtype) * strides[3]!,
  laneStep: elementBytes(dtype) * strides[1]!,
});
