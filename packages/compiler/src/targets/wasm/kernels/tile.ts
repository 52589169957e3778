// The register-tiled product behind convolutions and matrix products: lanes along outputs, inputs
// broadcast, up to 4 pixels × 8 outputs held in registers (6 × 8 with relaxed SIMD; for up to 4
// outputs in all, 6 and 12 pixels).
//
//   for each tile of pixels            (or blocks outside, where the weights outgrow the cache)
//     for each block of 8 outputs
//       sums[pixel][2] = bias
//       for each tap: sums += broadcast(input[pixel]) · (w0, w1)
//       store epilogue(sums)
//
// The taps are loops over the input, or a table of the ones that a block has.

import type { Reread } from '../../../devices/work.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { type Loop, nest } from '../walk.ts';
import { type Finishing, finish, offset } from './epilogue.ts';
import { inTiles, type PixelRow } from './pixel-row.ts';

/** Outputs of a block: two vectors. */
export const blockLanes = 8;

/**
 * Pixels of a tile: as many as the registers hold, more where a block is one vector. Engines with relaxed
 * SIMD use up each load at once, where older ones hold all loads of a step. Products of integers need a register more.
 */
const tilePixels = (
  { relaxed }: Assembler,
  { outputs, inputStep }: Pick<TileSpec, 'outputs' | 'inputStep'>,
): number => {
  const few = !relaxed || inputStep;
  return outputs > blockLanes / 2 ? (few ? 4 : 6) : few ? 6 : 12;
};

/** A product to write. Steps are in bytes. */
export interface TileSpec extends Finishing {
  /** Loops around the rows of pixels, over the pointers [x, w, bias, y, ...extras]. */
  readonly outer: readonly Loop[];
  /** How many of the outer loops stay outside the blocks where those are outside the pixels. */
  readonly fixedLoops: number;
  /** Pixels of a row. */
  readonly pixels: number;
  readonly xPixelStep: number;
  readonly taps: LoopTaps | TableTaps;
  readonly outputs: number;
  readonly hasBias: boolean;
  readonly blocksOutside: boolean;
  /**
   * Where x and w hold pairs of 16-bit integers, each pair a tap: points to what 1 of x stands for, four times. Sums are
   * integers until that and `[bias][scale]`, 8 outputs each, where a bias else lies, make floats of them; without a bias
   * weights are left as they are.
   */
  readonly inputStep?: Local | undefined;
}

/** The taps of a dense layer: the same for every output. */
export interface LoopTaps {
  /** Loops over x, innermost last, all of them one after the other in w. */
  readonly loops: readonly { readonly extent: number; readonly step: number }[];
  /** Bytes between the weights of two taps, and of two blocks. */
  readonly wTapStep: number;
  readonly wBlockStep: number;
}

/** The taps of a sparse layer: each block has its own, its weights one after the other. */
export interface TableTaps {
  /** Points to the bytes of each block's part of the offsets. */
  readonly counts: Local;
  /** Points to the byte offset of each tap from the first. */
  readonly offsets: Local;
  /** Taps of a block, on average: for the tally. */
  readonly meanTaps: number;
}

/** The taps of the block that is being computed. */
export interface BlockTaps {
  readonly start: Local;
  readonly end: Local;
  readonly meanTaps: number;
}

/** Room for the taps of the block that is being computed. */
export const blockTaps = (asm: Assembler, { meanTaps }: TableTaps): BlockTaps => ({
  start: asm.i32Local(),
  end: asm.i32Local(),
  meanTaps,
});

/** Weights beyond this are read once a row of pixels rather than once a tile. */
const cacheBytes = 1 << 20;

/** Whether blocks belong outside: the weights do not stay in the cache, the pixels do. */
export const prefersBlocksOutside = (weightBytes: number, inputBytes: number): boolean =>
  weightBytes > cacheBytes && inputBytes < weightBytes;

/** What a product reads again: the weights for each tile, or the inputs for each block. */
export function tileRereads(product: {
  readonly weightBytes: number;
  readonly inputBytes: number;
  /** Pixels of all rows. */
  readonly pixels: number;
  readonly blocks: number;
  readonly blocksOutside: boolean;
}): Reread[] {
  const { weightBytes, inputBytes, pixels, blocks, blocksOutside } = product;
  // Modules differ in the pixels of a tile; the smaller tile reads more.
  const tiles = Math.ceil(pixels / 4);
  return blocksOutside
    ? [{ bytes: (blocks - 1) * inputBytes, span: inputBytes + weightBytes / blocks }]
    : [{ bytes: (tiles - 1) * weightBytes, span: weightBytes + inputBytes / tiles }];
}

/** Bytes of what a block has where a bias lies. */
export const biasBytes = (isFixed: boolean): number => 4 * blockLanes * (isFixed ? 2 : 1);

/** Statement: the whole product. The pointers are [x, w, bias, y, ...extras]. */
export function emitTiles(asm: Assembler, spec: TileSpec, pointers: readonly Local[]): Expr {
  const { taps } = spec;
  const own = 'counts' in taps ? blockTaps(asm, taps) : undefined;
  const tile = createTile(asm, spec, pointers, own);
  const line: PixelRow = {
    pixels: spec.pixels,
    held: tilePixels(asm, spec),
    steps: [spec.xPixelStep, 0, 0, spec.yPixelStep, ...spec.extras.map((e) => e.pixelStep)],
  };
  const blockSteps = [
    0,
    'counts' in taps ? 0 : taps.wBlockStep,
    biasBytes(spec.inputStep !== undefined && spec.hasBias),
    4 * blockLanes,
    ...spec.extras.map(({ laneStep }) => blockLanes * laneStep),
  ];
  const around =
    own && 'counts' in taps
      ? (all: EachBlock, body: (lanes: number) => Expr) =>
          overTable(asm, taps, own, pointers[1]!, all, body)
      : undefined;
  return overTiles(asm, { ...spec, line, blockSteps, around }, pointers, tile);
}

/** How the tiles of a product follow each other. */
export interface TileWalk
  extends Pick<TileSpec, 'outer' | 'fixedLoops' | 'outputs' | 'blocksOutside'> {
  readonly line: PixelRow;
  /** Bytes that each pointer moves from one block of outputs to the next. */
  readonly blockSteps: readonly number[];
  /** Writes what is done for each block, where that is more than the body. */
  readonly around?: ((all: EachBlock, body: (lanes: number) => Expr) => Expr) | undefined;
}

/** Statement: something for each block of outputs. */
type EachBlock = (each: (lanes: number) => Expr) => Expr;

/** Statement: a tile for every block of outputs of every few pixels, the pointers at their first. */
export function overTiles(
  asm: Assembler,
  walk: TileWalk,
  pointers: readonly Local[],
  tile: (pixels: number, lanes: number) => Expr,
): Expr {
  const { line, blockSteps } = walk;
  const whole = Math.floor(walk.outputs / blockLanes);
  const rest = walk.outputs % blockLanes;
  const blocks = { extent: whole, steps: blockSteps };
  const rewind = asm.seq(...pointers.map((pointer, i) => pointer.advance(-whole * blockSteps[i]!)));
  /** All blocks, with what is done for each. */
  const overBlocks = (body: (lanes: number) => Expr): Expr => {
    const all: EachBlock = (each) =>
      asm.seq(
        whole > 0 ? nest(asm, [blocks], pointers, each(blockLanes)) : asm.seq(),
        rest > 0 ? each(rest) : asm.seq(),
        whole > 0 ? rewind : asm.seq(),
      );
    return walk.around ? walk.around(all, body) : all(body);
  };
  if (!walk.blocksOutside)
    return nest(
      asm,
      walk.outer,
      pointers,
      inTiles(asm, line, pointers, (pixels) => overBlocks((lanes) => tile(pixels, lanes))),
    );
  const fixed = walk.outer.slice(0, walk.fixedLoops);
  const moving = walk.outer.slice(walk.fixedLoops);
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
          inTiles(asm, line, pointers, (pixels) => tile(pixels, lanes)),
        ),
        ...(displaced
          ? pointers.map((pointer, i) => pointer.advance(-displaced.extent * displaced.steps[i]!))
          : []),
      ),
    ),
  );
}

/** All blocks, each with its part of the table and of the weights: 32 bytes a tap. */
export function overTable(
  asm: Assembler,
  { counts, offsets }: TableTaps,
  { start, end }: BlockTaps,
  weights: Local,
  all: EachBlock,
  body: (lanes: number) => Expr,
): Expr {
  const [count, first] = [asm.i32Local(), asm.i32Local()];
  const lengthOf = asm.op('i32.sub', end.get, start.get);
  return asm.seq(
    count.set(counts.get),
    end.set(offsets.get),
    first.set(weights.get),
    all((lanes) =>
      asm.seq(
        start.set(end.get),
        end.set(asm.op('i32.add', start.get, asm.load('i32.load', count.get))),
        count.advance(4),
        body(lanes),
        weights.advance(asm.op('i32.mul', lengthOf, asm.i32(blockLanes))),
      ),
    ),
    weights.set(first.get),
  );
}

/** Writes tiles of any number of pixels up to `tilePixels`, all in the same registers. */
function createTile(
  asm: Assembler,
  spec: TileSpec,
  pointers: readonly Local[],
  own: BlockTaps | undefined,
): (pixels: number, lanes: number) => Expr {
  const [x, w, bias, y, ...extras] = pointers as [Local, Local, Local, Local, ...Local[]];
  const [at, weights, end] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
  const held = tilePixels(asm, spec);
  const blockVectors = Math.min(2, Math.ceil(spec.outputs / 4));
  const sums = Array.from({ length: blockVectors * held }, () => asm.v128Local());
  const loaded = [asm.v128Local(), asm.v128Local()];
  const input = asm.v128Local();

  return (pixels, lanes) => {
    const vectors = Math.ceil(lanes / 4);
    const sum = (pixel: number, vector: number) => sums[blockVectors * pixel + vector]!;
    const each = <T>(visit: (pixel: number, vector: number) => T): T[] =>
      Array.from({ length: pixels * vectors }, (_, i) =>
        visit(Math.floor(i / vectors), i % vectors),
      );
    const start = each((pixel, vector) =>
      sum(pixel, vector).set(
        spec.inputStep
          ? asm.i32x4(0)
          : spec.hasBias
            ? asm.load('v128.load', bias.get, 16 * vector)
            : asm.f32x4(0),
      ),
    );
    const multiply = (total: Local, weight: Local): Expr =>
      spec.inputStep
        ? total.set(
            asm.op('i32x4.add', total.get, asm.op('i32x4.dot_i16x8_s', weight.get, input.get)),
          )
        : asm.madd(total, weight.get, input.get);
    /** One tap of every pixel, its inputs at a pointer. */
    const products = (from: Local) =>
      asm.seq(
        ...Array.from({ length: vectors }, (_, vector) =>
          loaded[vector]!.set(asm.load('v128.load', weights.get, 16 * vector)),
        ),
        ...Array.from({ length: pixels }, (_, pixel) =>
          asm.seq(
            input.set(asm.load('v128.load32_splat', ...offset(asm, from, pixel * spec.xPixelStep))),
            ...Array.from({ length: vectors }, (_, vector) =>
              multiply(sum(pixel, vector), loaded[vector]!),
            ),
          ),
        ),
      );
    return asm.seq(
      ...start,
      weights.set(w.get),
      own
        ? tableRun(asm, own, x, weights, at, end, products)
        : loopRun(asm, spec.taps as LoopTaps, x, weights, at, end, products),
      ...(spec.inputStep
        ? asFloats(asm, spec.hasBias, spec.inputStep, bias, input, vectors, (vector) =>
            Array.from({ length: pixels }, (_, pixel) => sum(pixel, vector)),
          )
        : []),
      finish(asm, spec, y, extras, pixels, lanes, sum, at),
    );
  };
}

/** Statements: integer sums become floats. */
function asFloats(
  asm: Assembler,
  hasBias: boolean,
  inputStep: Local,
  bias: Local,
  scale: Local,
  vectors: number,
  sumsOf: (vector: number) => readonly Local[],
): Expr[] {
  return Array.from({ length: vectors }, (_, vector) => {
    const of = (list: number) =>
      asm.load('v128.load', bias.get, 4 * blockLanes * list + 16 * vector);
    const step = asm.load('v128.load', inputStep.get);
    return asm.seq(
      scale.set(hasBias ? asm.op('f32x4.mul', of(1), step) : step),
      ...sumsOf(vector).map((sum) => {
        const value = asm.op('f32x4.convert_i32x4_s', sum.get);
        return sum.set(
          hasBias ? asm.fma(of(0), value, scale.get) : asm.op('f32x4.mul', value, scale.get),
        );
      }),
    );
  });
}

/** Every tap in its loops. */
function loopRun(
  asm: Assembler,
  { loops: taps, wTapStep }: LoopTaps,
  x: Local,
  weights: Local,
  at: Local,
  end: Local,
  products: (from: Local) => Expr,
): Expr {
  if (taps.some(({ extent }) => extent === 0)) return asm.seq();
  const [innermost, ...others] = [...taps].reverse();
  if (!innermost) return asm.seq();
  const runBytes = innermost.extent * innermost.step;
  const step = asm.seq(products(at), weights.advance(wTapStep), at.advance(innermost.step));
  const run =
    runBytes === 0
      ? // A broadcast operand stays where it is, so its pointer cannot tell the end.
        asm.range(end, 0, innermost.extent, 1, step)
      : asm.seq(
          end.set(asm.op('i32.add', at.get, asm.i32(runBytes))),
          asm.until(at, end.get, step, innermost.extent),
          others.length > 0 ? at.advance(-runBytes) : asm.seq(),
        );
  const loops = others.reverse().map(({ extent, step }): Loop => ({ extent, steps: [step] }));
  return asm.seq(at.set(x.get), nest(asm, loops, [at], run));
}

/** The taps of a block, one a basic block: old engines would hold the loads of several at once. */
export function tableRun(
  asm: Assembler,
  { start, end, meanTaps }: BlockTaps,
  x: Local,
  weights: Local,
  at: Local,
  tap: Local,
  products: (from: Local) => Expr,
): Expr {
  return asm.seq(
    tap.set(start.get),
    asm.block((exit) =>
      asm.seq(
        asm.branchIf(exit, asm.op('i32.eq', tap.get, end.get)),
        asm.until(
          tap,
          end.get,
          asm.seq(
            at.set(asm.op('i32.add', x.get, asm.load('i32.load', tap.get))),
            products(at),
            weights.advance(4 * blockLanes),
            tap.advance(4),
          ),
          meanTaps,
        ),
      ),
    ),
  );
}
