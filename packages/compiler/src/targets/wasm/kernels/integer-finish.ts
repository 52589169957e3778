// What happens to a tile of integer sums before it is stored: the epilogue, whose result is codes or floats.

import type { DType, Scalar } from '@espalier/ir';
import { elementBytes } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { storeCodes } from '../codes.ts';
import { emitScalar, lengthOf, weightOf } from '../scalar.ts';
import { nest, storeLanes } from '../walk.ts';
import { type ExtraOperand, loadExtra } from './epilogue.ts';
import { blockLanes } from './tile.ts';

/** What `finishIntegers` has to know; steps are in bytes. */
export interface IntegerFinishing {
  readonly dtype: DType;
  readonly yPixelStep: number;
  readonly extras: readonly ExtraOperand[];
  readonly epilogue: Scalar | undefined;
}

/** Longer epilogues run in a loop over sums in memory, so that their code is there once. */
const inlineWeight = 14;

/** Bytes of memory that the sums of a tile wait in for a long epilogue; 0 if it has a short one. */
export const waitingBytes = (epilogue: Scalar | undefined, mostPixels: number): number =>
  epilogue && weightOf(epilogue) > inlineWeight ? 4 * blockLanes * mostPixels : 0;

/**
 * Statement: applies the epilogue to up to 8 sums of some pixels and stores the results.
 *
 * @param waiting Where the sums wait, if `waitingBytes` says that they do.
 */
export function finishIntegers(
  asm: Assembler,
  { dtype, epilogue, extras: specs, yPixelStep }: IntegerFinishing,
  y: Local,
  extras: readonly Local[],
  waiting: Local | undefined,
  pixels: number,
  lanes: number,
  sum: (pixel: number, vector: number) => Local,
): Expr {
  const vectors = Array.from({ length: Math.ceil(lanes / 4) }, (_, vector) => vector);
  const width = (vector: number) => Math.min(4, lanes - 4 * vector);
  const one = (held: readonly Local[], from: readonly Local[], to: Local, pixel: number): Expr => {
    const bytes = pixel * yPixelStep;
    return asm.seq(
      ...vectors.map((vector) => {
        if (!epilogue) return asm.seq();
        const args = from.map((pointer, i) => ({
          value: loadExtra(asm, pointer, specs[i]!, pixel, vector, width(vector)),
          dtype: specs[i]!.dtype,
        }));
        const own = { value: held[vector]!.get, dtype: 'i32' } as const;
        const value = emitScalar(asm, epilogue, [own, ...args]);
        return asm.epilogue(lengthOf(epilogue), held[vector]!.set(value));
      }),
      dtype === 'u8'
        ? storeCodes(asm, to, held, lanes, { byteOffset: bytes })
        : asm.seq(
            ...vectors.map((vector) => {
              const at = bytes + 4 * elementBytes(dtype) * vector;
              return storeLanes(
                asm,
                at === 0 ? to.get : asm.op('i32.add', to.get, asm.i32(at)),
                held[vector]!,
                width(vector),
              );
            }),
          ),
    );
  };
  const all = Array.from({ length: pixels }, (_, pixel) => ({
    pixel,
    held: vectors.map((vector) => sum(pixel, vector)),
  }));
  if (!waiting) return asm.seq(...all.map(({ pixel, held }) => one(held, extras, y, pixel)));
  const [from, to] = [asm.i32Local(), asm.i32Local()];
  const own = extras.map(() => asm.i32Local());
  const held = vectors.map((vector) => sum(0, vector));
  return asm.seq(
    ...all.flatMap(({ pixel, held }) =>
      held.map((local, vector) =>
        asm.store('v128.store', waiting.get, local.get, 4 * blockLanes * pixel + 16 * vector),
      ),
    ),
    from.set(waiting.get),
    to.set(y.get),
    ...own.map((pointer, i) => pointer.set(extras[i]!.get)),
    nest(
      asm,
      [
        {
          extent: pixels,
          steps: [4 * blockLanes, yPixelStep, ...specs.map(({ pixelStep }) => pixelStep)],
        },
      ],
      [from, to, ...own],
      asm.seq(
        ...held.map((local, vector) => local.set(asm.load('v128.load', from.get, 16 * vector))),
        one(held, own, to, 0),
      ),
    ),
  );
}
