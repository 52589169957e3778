// The register-tiled product of codes: four inputs of a pixel at a time times four inputs of eight outputs.
// With relaxed SIMD one instruction takes 16 products; codes fit its 7 bits, so every engine agrees on them.
//
//   sums[pixel][2] = bias
//   for each four taps: sums += dot(w0 or w1 [4 outputs][4 taps], broadcast(input[pixel] [4 taps]))
//   store epilogue(sums)

import type { Assembler, Expr, Local } from '../assembler.ts';
import { type Loop, nest } from '../walk.ts';
import { offset } from './epilogue.ts';
import { finishIntegers, type IntegerFinishing } from './integer-finish.ts';
import { quad } from './integer-pack.ts';
import { type BlockTaps, blockLanes, tableRun } from './tile.ts';

/** A tile to write. Steps are in bytes. */
export interface IntegerTile extends IntegerFinishing {
  readonly xPixelStep: number;
  readonly taps: IntegerLoopTaps | BlockTaps;
}

/** The taps of a dense layer. */
export interface IntegerLoopTaps {
  /** Loops over the input around its runs, outermost first. */
  readonly outer: readonly { readonly extent: number; readonly step: number }[];
  /** Quads of a run. */
  readonly quads: number;
}

/** Pixels of a tile: as many as the registers hold. Plain SIMD needs two vectors for four sums. */
export const integerTilePixels = ({ relaxed }: { readonly relaxed: boolean }): number =>
  relaxed ? 6 : 3;

/** Writes tiles of any number of pixels up to `integerTilePixels`, all in the same registers. */
export function createIntegerTile(
  asm: Assembler,
  spec: IntegerTile,
  [x, w, bias, y, ...extras]: readonly [Local, Local, Local, Local, ...Local[]],
  waiting: Local | undefined,
): (pixels: number, lanes: number) => Expr {
  const [at, weights, end] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
  const product = (asm.relaxed ? relaxedProduct : plainProduct)(asm, spec.xPixelStep);
  return (pixels, lanes) => {
    const vectors = Math.ceil(lanes / 4);
    const step = (i: number) => product.step(at, weights, i, pixels, vectors);
    return asm.seq(
      product.start(bias, pixels, vectors),
      at.set(x.get),
      weights.set(w.get),
      'start' in spec.taps
        ? tableRun(asm, spec.taps, x, weights, at, end, () => step(0))
        : loopRun(asm, spec.taps, at, weights, end, step),
      product.end(bias, pixels, vectors),
      finishIntegers(asm, spec, y, extras, waiting, pixels, lanes, product.sum),
    );
  };
}

/** Every quad in its loops. */
function loopRun(
  asm: Assembler,
  { outer, quads }: IntegerLoopTaps,
  at: Local,
  weights: Local,
  end: Local,
  step: (i: number) => Expr,
): Expr {
  if (quads === 0) return asm.seq();
  // One vector of weights and two of inputs are loaded more often than a counter is tested.
  const unrolled = quads % 2 === 0 ? 2 : 1;
  const runBytes = quad * quads;
  const run = asm.seq(
    end.set(asm.op('i32.add', at.get, asm.i32(runBytes))),
    asm.until(
      at,
      end.get,
      asm.seq(
        ...Array.from({ length: unrolled }, (_, i) => step(i)),
        weights.advance(unrolled * quad * blockLanes),
        at.advance(unrolled * quad),
      ),
      quads / unrolled,
    ),
    outer.length > 0 ? at.advance(-runBytes) : asm.seq(),
  );
  const loops = outer.map(({ extent, step: bytes }): Loop => ({ extent, steps: [bytes] }));
  return nest(asm, loops, [at], run);
}

/** How one of the two modules multiplies. */
interface Product {
  /** Statement: starts the sums. */
  start(bias: Local, pixels: number, vectors: number): Expr;
  /** Statement: adds four taps, the `i`-th four after the pointers. */
  step(at: Local, weights: Local, i: number, pixels: number, vectors: number): Expr;
  /** Statement: makes the sums of four outputs lie in one vector. */
  end(bias: Local, pixels: number, vectors: number): Expr;
  sum(pixel: number, vector: number): Local;
}

const each = (pixels: number, vectors: number, visit: (pixel: number, vector: number) => Expr) =>
  Array.from({ length: pixels * vectors }, (_, i) => visit(Math.floor(i / vectors), i % vectors));

/**
 * One instruction for four outputs. A sum is ready some cycles after it was added to: where a tile is small, two
 * sums for each output take turns, so that none is waited for.
 */
function relaxedProduct(asm: Assembler, xPixelStep: number): Product {
  const mostPixels = integerTilePixels(asm);
  const sums = Array.from({ length: 2 * mostPixels }, () => asm.v128Local());
  const loaded = [asm.v128Local(), asm.v128Local()];
  const input = asm.v128Local();
  const sum = (pixel: number, vector: number) => sums[2 * pixel + vector]!;
  const takeTurns = (pixels: number) => 2 * pixels <= mostPixels;
  const other = (pixel: number, vector: number) => sum(pixel + mostPixels / 2, vector);
  return {
    sum,
    start: (bias, pixels, vectors) =>
      asm.seq(
        ...each(pixels, vectors, (pixel, vector) =>
          asm.seq(
            sum(pixel, vector).set(asm.load('v128.load', bias.get, 16 * vector)),
            takeTurns(pixels) ? other(pixel, vector).set(asm.i32x4(0)) : asm.seq(),
          ),
        ),
      ),
    step: (at, weights, i, pixels, vectors) =>
      asm.seq(
        ...loaded
          .slice(0, vectors)
          .map((local, vector) =>
            local.set(asm.load('v128.load', weights.get, i * quad * blockLanes + 16 * vector)),
          ),
        ...Array.from({ length: pixels }, (_, pixel) =>
          asm.seq(
            input.set(
              asm.load('v128.load32_splat', ...offset(asm, at, pixel * xPixelStep + i * quad)),
            ),
            ...loaded.slice(0, vectors).map((local, vector) => {
              const total = (takeTurns(pixels) && i % 2 === 1 ? other : sum)(pixel, vector);
              return total.set(
                asm.op('i32x4.relaxed_dot_i8x16_i7x16_add_s', local.get, input.get, total.get),
              );
            }),
          ),
        ),
      ),
    end: (_, pixels, vectors) =>
      takeTurns(pixels)
        ? asm.seq(
            ...each(pixels, vectors, (pixel, vector) => {
              const own = sum(pixel, vector);
              return own.set(asm.op('i32x4.add', own.get, other(pixel, vector).get));
            }),
          )
        : asm.seq(),
  };
}

/** Widened to 16 bits; each instruction sums pairs for two outputs. */
function plainProduct(asm: Assembler, xPixelStep: number): Product {
  const sums = Array.from({ length: 4 * integerTilePixels(asm) }, () => asm.v128Local());
  const inputs = Array.from({ length: integerTilePixels(asm) }, () => asm.v128Local());
  const weight = asm.v128Local();
  const half = (pixel: number, vector: number, i: number) => sums[4 * pixel + 2 * vector + i]!;
  const sum = (pixel: number, vector: number) => half(pixel, vector, 0);
  return {
    sum,
    start: (_, pixels, vectors) =>
      asm.seq(
        ...each(pixels, 2 * vectors, (pixel, i) =>
          half(pixel, Math.floor(i / 2), i % 2).set(asm.i32x4(0)),
        ),
      ),
    step: (at, weights, i, pixels, vectors) =>
      asm.seq(
        ...inputs
          .slice(0, pixels)
          .map((input, pixel) =>
            input.set(
              asm.op(
                'i16x8.extend_low_i8x16_u',
                asm.load('v128.load32_splat', ...offset(asm, at, pixel * xPixelStep + i * quad)),
              ),
            ),
          ),
        ...Array.from({ length: 2 * vectors }, (_, part) =>
          asm.seq(
            weight.set(asm.load('v128.load8x8_s', weights.get, i * quad * blockLanes + 8 * part)),
            ...inputs.slice(0, pixels).map((input, pixel) => {
              const total = half(pixel, Math.floor(part / 2), part % 2);
              const pairs = asm.op('i32x4.dot_i16x8_s', weight.get, input.get);
              return total.set(asm.op('i32x4.add', total.get, pairs));
            }),
          ),
        ),
      ),
    end: (bias, pixels, vectors) =>
      asm.seq(
        ...each(pixels, vectors, (pixel, vector) => {
          const [low, high] = [half(pixel, vector, 0), half(pixel, vector, 1)];
          const even = asm.shuffle32(low.get, high.get, [0, 2, 4, 6]);
          const odd = asm.shuffle32(low.get, high.get, [1, 3, 5, 7]);
          const total = asm.op('i32x4.add', even, odd);
          return low.set(asm.op('i32x4.add', total, asm.load('v128.load', bias.get, 16 * vector)));
        }),
      ),
  };
}
