// The register-tiled product behind convolutions and matrix products: lanes along outputs, inputs
// broadcast, up to 4 pixels × 8 outputs held in registers (6 × 8 with relaxed SIMD).
//
//   for each tile of pixels            (or blocks outside, where the weights outgrow the cache)
//     for each block of 8 outputs
//       sums[pixel][2] = bias
//       for each tap: sums += broadcast(input[pixel]) · (w0, w1)
//       store epilogue(sums)

import type { DType, Scalar } from '@espalier/ir';
import type { View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { emitScalar, weightOf } from '../scalar.ts';
import { type Loop, nest, storeLanes } from '../walk.ts';

/** Outputs of a block: two vectors. */
export const blockLanes = 8;

/**
 * Pixels of a tile: as many as the registers hold. Engines with relaxed SIMD use up each load at once,
 * where older ones hold all loads of a step.
 */
const tilePixels = ({ relaxed }: Assembler): number => (relaxed ? 6 : 4);

/** An operand of the epilogue. */
export interface ExtraOperand {
  readonly dtype: DType;
  /** Bytes from one pixel to the next, and from one output to the next. */
  readonly pixelStep: number;
  readonly laneStep: number;
}

/** A product to write. Steps are in bytes. */
export interface TileSpec {
  /** Loops around the rows of pixels, over the pointers [x, w, bias, y, ...extras]. */
  readonly outer: readonly Loop[];
  /** How many of the outer loops stay outside the blocks where those are outside the pixels. */
  readonly fixedLoops: number;
  /** Pixels of a row. */
  readonly pixels: number;
  readonly xPixelStep: number;
  readonly yPixelStep: number;
  /** The taps of one output: loops over x, innermost last, all of them one after the other in w. */
  readonly taps: readonly { readonly extent: number; readonly step: number }[];
  /** Bytes between the weights of two taps, and of two blocks. */
  readonly wTapStep: number;
  readonly wBlockStep: number;
  readonly outputs: number;
  readonly hasBias: boolean;
  readonly extras: readonly ExtraOperand[];
  readonly epilogue: Scalar | undefined;
  readonly blocksOutside: boolean;
}

/** Weights beyond this are read once a row of pixels rather than once a tile. */
const cacheBytes = 1 << 20;

/** Whether blocks belong outside: the weights do not stay in the cache, the pixels do. */
export const prefersBlocksOutside = (weightBytes: number, inputBytes: number): boolean =>
  weightBytes > cacheBytes && inputBytes < weightBytes;

/** Longer epilogues run in a loop over what has been stored, so that their code is there once. */
const inlineWeight = 8;

/** Statement: the whole product. The pointers are [x, w, bias, y, ...extras]. */
export function emitTiles(asm: Assembler, spec: TileSpec, pointers: readonly Local[]): Expr {
  const whole = Math.floor(spec.outputs / blockLanes);
  const rest = spec.outputs % blockLanes;
  const tile = createTile(asm, spec, pointers);
  const blockSteps = [
    0,
    spec.wBlockStep,
    4 * blockLanes,
    4 * blockLanes,
    ...spec.extras.map(({ laneStep }) => blockLanes * laneStep),
  ];
  const blocks = { extent: whole, steps: blockSteps };
  const rewind = asm.seq(...pointers.map((pointer, i) => pointer.advance(-whole * blockSteps[i]!)));
  /** All blocks, with what is done for each. */
  const overBlocks = (body: (lanes: number) => Expr): Expr =>
    asm.seq(
      whole > 0 ? nest(asm, [blocks], pointers, body(blockLanes)) : asm.seq(),
      rest > 0 ? body(rest) : asm.seq(),
      whole > 0 ? rewind : asm.seq(),
    );
  if (!spec.blocksOutside)
    return nest(
      asm,
      spec.outer,
      pointers,
      row(asm, spec, pointers, (pixels) => overBlocks((lanes) => tile(pixels, lanes))),
    );
  const fixed = spec.outer.slice(0, spec.fixedLoops);
  const moving = spec.outer.slice(spec.fixedLoops);
  const displaced = moving[0];
  return nest(
    asm,
    fixed,
    pointers,
    overBlocks((lanes) =>
      asm.seq(
        nest(
          asm,
          moving,
          pointers,
          row(asm, spec, pointers, (pixels) => tile(pixels, lanes)),
        ),
        ...(displaced
          ? pointers.map((pointer, i) => pointer.advance(-displaced.extent * displaced.steps[i]!))
          : []),
      ),
    ),
  );
}

/** One row of pixels in nearly equal tiles; the pointers are back at its start afterwards. */
function row(
  asm: Assembler,
  spec: TileSpec,
  pointers: readonly Local[],
  tile: (pixels: number) => Expr,
): Expr {
  const steps = [
    spec.xPixelStep,
    0,
    0,
    spec.yPixelStep,
    ...spec.extras.map(({ pixelStep }) => pixelStep),
  ];
  const tiles = Math.ceil(spec.pixels / tilePixels(asm));
  const small = Math.floor(spec.pixels / tiles);
  const larger = spec.pixels - small * tiles;
  const run = (pixels: number, count: number): Expr =>
    nest(
      asm,
      [{ extent: count, steps: steps.map((step) => step * pixels) }],
      pointers,
      tile(pixels),
    );
  return asm.seq(
    larger > 0 ? run(small + 1, larger) : asm.seq(),
    tiles > larger ? run(small, tiles - larger) : asm.seq(),
    ...pointers.map((pointer, i) => pointer.advance(-spec.pixels * steps[i]!)),
  );
}

/** Writes tiles of any number of pixels up to `tilePixels`, all in the same registers. */
function createTile(
  asm: Assembler,
  spec: TileSpec,
  pointers: readonly Local[],
): (pixels: number, lanes: number) => Expr {
  const [x, w, bias, y, ...extras] = pointers as [Local, Local, Local, Local, ...Local[]];
  const [at, weights, end] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
  const sums = Array.from({ length: 2 * tilePixels(asm) }, () => asm.v128Local());
  const loaded = [asm.v128Local(), asm.v128Local()];
  const input = asm.v128Local();

  return (pixels, lanes) => {
    const vectors = Math.ceil(lanes / 4);
    const sum = (pixel: number, vector: number) => sums[2 * pixel + vector]!;
    const each = <T>(visit: (pixel: number, vector: number) => T): T[] =>
      Array.from({ length: pixels * vectors }, (_, i) =>
        visit(Math.floor(i / vectors), i % vectors),
      );
    const start = each((pixel, vector) =>
      sum(pixel, vector).set(
        spec.hasBias ? asm.load('v128.load', bias.get, 16 * vector) : asm.f32x4(0),
      ),
    );
    const products = Array.from({ length: pixels }, (_, pixel) =>
      asm.seq(
        input.set(asm.load('v128.load32_splat', ...offset(asm, at, pixel * spec.xPixelStep))),
        ...Array.from({ length: vectors }, (_, vector) =>
          asm.madd(sum(pixel, vector), loaded[vector]!.get, input.get),
        ),
      ),
    );
    const [innermost, ...others] = [...spec.taps].reverse();
    const runBytes = innermost ? innermost.extent * innermost.step : 0;
    const run = !innermost
      ? asm.seq()
      : asm.seq(
          end.set(asm.op('i32.add', at.get, asm.i32(runBytes))),
          asm.until(
            at,
            end.get,
            asm.seq(
              ...Array.from({ length: vectors }, (_, vector) =>
                loaded[vector]!.set(asm.load('v128.load', weights.get, 16 * vector)),
              ),
              ...products,
              weights.advance(spec.wTapStep),
              at.advance(innermost.step),
            ),
          ),
          others.length > 0 ? at.advance(-runBytes) : asm.seq(),
        );
    const loops = others.reverse().map(({ extent, step }): Loop => ({ extent, steps: [step] }));
    const empty = spec.taps.some(({ extent }) => extent === 0);
    return asm.seq(
      ...start,
      at.set(x.get),
      weights.set(w.get),
      empty ? asm.seq() : nest(asm, loops, [at], run),
      finish(asm, spec, y, extras, pixels, lanes, sum, at),
    );
  };
}

/** Applies the epilogue and stores. */
function finish(
  asm: Assembler,
  { epilogue, extras: specs, yPixelStep }: TileSpec,
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
const offset = (asm: Assembler, pointer: Local, bytes: number): [Expr, number] =>
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
