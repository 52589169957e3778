// One row of a depthwise window over the pixels of a tile: its weights stay in registers, and every column
// of the input is loaded once, for all pixels that see it.

import type { Assembler, Expr, Label, Local } from '../assembler.ts';
import { offset } from './epilogue.ts';

/** Vectors held at a time, weights and sums; an input and a product come on top. */
const heldVectors = 12;

/** Weights of a row that are held at a time; longer rows are done in parts. */
const heldTaps = 5;

/** Sums held at a time. More would only make code longer. */
const mostPixels = 8;

/** The pixels of a tile whose window has rows of so many taps. */
export const depthwisePixels = (taps: number): number =>
  Math.min(mostPixels, heldVectors - Math.min(taps, heldTaps));

/** A row of a window. Steps and strides along x: in bytes, in columns. */
export interface DepthwiseRow {
  readonly taps: number;
  readonly columnStep: number;
  readonly stride: number;
  readonly dilation: number;
}

/** The registers and pointers of a tile. */
export interface DepthwiseTile {
  /** One a pixel; they are added to. */
  readonly sums: readonly Local[];
  /** Points to the first column of the first pixel. */
  readonly at: Local;
  /** Points to the weights of the row: a vector a tap. */
  readonly weights: Local;
}

/** Writes rows of windows, all with the same registers. */
export function createDepthwiseRow(
  asm: Assembler,
  { taps, columnStep, stride, dilation }: DepthwiseRow,
): (tile: DepthwiseTile) => Expr {
  const held = Array.from({ length: Math.min(taps, heldTaps) }, () => asm.v128Local());
  const value = asm.v128Local();
  return ({ sums, at, weights }) =>
    asm.block((exit) =>
      asm.seq(
        ...partsOf(taps).flatMap((part) => [
          ...part.map((tap, i) => held[i]!.set(asm.load('v128.load', weights.get, 16 * tap))),
          ...columnsOf(sums.length, part, stride, dilation).map(({ column, uses }) =>
            asm.seq(
              value.set(asm.load('v128.load', ...offset(asm, at, column * columnStep))),
              ...uses.map(({ pixel, tap }) =>
                asm.madd(sums[pixel]!, value.get, held[tap - part[0]!]!.get),
              ),
              separate(asm, exit, at, column + 1),
            ),
          ),
        ]),
      ),
    );
}

/** The taps of a row, as many at a time as are held. */
const partsOf = (taps: number): number[][] =>
  Array.from({ length: Math.ceil(taps / heldTaps) }, (_, part) =>
    Array.from(
      { length: Math.min(heldTaps, taps - part * heldTaps) },
      (_, i) => part * heldTaps + i,
    ),
  );

/** A column of the input, and the pixels that see it, each through a tap. */
interface Column {
  readonly column: number;
  readonly uses: readonly { readonly pixel: number; readonly tap: number }[];
}

/** The columns that some pixels see through some taps, from left to right. */
function columnsOf(
  pixels: number,
  taps: readonly number[],
  stride: number,
  dilation: number,
): Column[] {
  const columns = new Map<number, { pixel: number; tap: number }[]>();
  for (let pixel = 0; pixel < pixels; pixel++)
    for (const tap of taps) {
      const column = pixel * stride + tap * dilation;
      columns.set(column, [...(columns.get(column) ?? []), { pixel, tap }]);
    }
  return [...columns]
    .map(([column, uses]) => ({ column, uses }))
    .sort((a, b) => a.column - b.column);
}

/**
 * Statement: ends a basic block, by a branch that is never taken, since no pointer is so near the end of
 * the address space. Old engines load first whatever a block loads, and run out of registers.
 */
const separate = (asm: Assembler, exit: Label, pointer: Local, key: number): Expr =>
  asm.branchIf(exit, asm.op('i32.eq', pointer.get, asm.i32(-key)));
