// The register-tiled sparse product over planes: some vectors of pixels × a few outputs.

import type { DType, Scalar } from '@espalier/ir';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { emitScalar } from '../scalar.ts';
import { type Loop, loadFour, nest, storeLanes } from '../walk.ts';

/** An operand of the epilogue: bytes from pixel to pixel along a row, and from plane to plane. */
export interface PlaneOperand {
  readonly dtype: DType;
  readonly pixelStep: number;
  readonly planeStep: number;
}

/** A product to write. */
export interface PlanesSpec {
  /** Loops around the rows of pixels, over the pointers [x, y, ...extras]. */
  readonly outer: readonly Loop[];
  readonly pixels: number;
  readonly outputs: number;
  /** Outputs of a block, which share their taps. */
  readonly height: number;
  /** Taps of a block, on average: for the tally. */
  readonly meanTaps: number;
  /** Bytes from one plane of the result to the next. */
  readonly planeStep: number;
  readonly extras: readonly PlaneOperand[];
  readonly epilogue: Scalar | undefined;
}

/**
 * Vectors of a tile, by the outputs of a block: 15 registers hold the sums, the weights, and one vector
 * of pixels; in older engines, which do all loads of a step first, all vectors of them.
 */
const heldVectors = (asm: Assembler, height: number): number =>
  Math.floor((asm.relaxed ? 12 : height === 1 ? 7 : 8) / height);

/** Statement: the whole product. The pointers are [x, y, weights, bias, counts, offsets, ...extras]. */
export function emitPlanes(asm: Assembler, spec: PlanesSpec, pointers: readonly Local[]): Expr {
  const [x, y, weights, bias, counts, offsets, ...extras] = pointers as Six;
  const { height, outputs, pixels } = spec;
  const moving = [x, y, ...extras];
  const held = heldVectors(asm, height);
  const sums = Array.from({ length: height * held }, () => asm.v128Local());
  const rowWeights = Array.from({ length: height }, () => asm.v128Local());
  const pixel = asm.v128Local();
  const [tap, end, at, weightAt, biasAt, count] = Array.from({ length: 6 }, () =>
    asm.i32Local(),
  ) as Six;
  const heads = [y, ...extras].map(() => asm.i32Local());
  const headSteps = [spec.planeStep, ...spec.extras.map(({ planeStep }) => planeStep)];

  /** A block of up to `height` outputs for some vectors, the last of them with fewer lanes. */
  const block = (rows: number, vectors: number, lastLanes: number): Expr => {
    const own = (row: number, vector: number) => sums[row * held + vector]!;
    const each = <T>(visit: (row: number, vector: number) => T): T[] =>
      Array.from({ length: rows * vectors }, (_, i) => visit(Math.floor(i / vectors), i % vectors));
    const start = Array.from({ length: rows }, (_, row) => [
      pixel.set(asm.load('v128.load32_splat', biasAt.get, 4 * row)),
      ...Array.from({ length: vectors }, (_, vector) => own(row, vector).set(pixel.get)),
    ]).flat();
    const products = asm.seq(
      at.set(asm.op('i32.add', x.get, asm.load('i32.load', tap.get))),
      ...rowWeights
        .slice(0, rows)
        .map((weight, row) => weight.set(asm.load('v128.load32_splat', weightAt.get, 4 * row))),
      ...Array.from({ length: vectors }, (_, v) =>
        asm.seq(
          pixel.set(asm.load('v128.load', at.get, 16 * v)),
          ...rowWeights
            .slice(0, rows)
            .map((weight, row) => asm.madd(own(row, v), pixel.get, weight.get)),
        ),
      ),
      weightAt.advance(4 * height),
      tap.advance(4),
    );
    const finishing = each((row, vector) => {
      const sum = own(row, vector);
      const lanes = vector === vectors - 1 ? lastLanes : 4;
      return asm.seq(
        spec.epilogue ? sum.set(applied(asm, spec, sum, heads.slice(1), row, vector)) : asm.seq(),
        lanes === 4
          ? asm.store('v128.store', heads[0]!.get, sum.get, row * spec.planeStep + 16 * vector)
          : storeLanes(
              asm,
              asm.op('i32.add', heads[0]!.get, asm.i32(row * spec.planeStep + 16 * vector)),
              sum,
              lanes,
            ),
      );
    });
    return asm.seq(
      ...start,
      end.set(asm.op('i32.add', tap.get, asm.load('i32.load', count.get))),
      count.advance(4),
      asm.block((exit) =>
        asm.seq(
          asm.branchIf(exit, asm.op('i32.eq', tap.get, end.get)),
          asm.until(tap, end.get, products, spec.meanTaps),
        ),
      ),
      ...finishing,
      biasAt.advance(4 * rows),
      ...heads.map((head, i) => head.advance(rows * headSteps[i]!)),
    );
  };

  const tile = (vectors: number, lastLanes: number): Expr =>
    asm.seq(
      tap.set(offsets.get),
      weightAt.set(weights.get),
      biasAt.set(bias.get),
      count.set(counts.get),
      ...heads.map((head, i) => head.set([y, ...extras][i]!.get)),
      asm.range(
        asm.i32Local(),
        0,
        Math.floor(outputs / height),
        1,
        block(height, vectors, lastLanes),
      ),
      outputs % height > 0 ? block(outputs % height, vectors, lastLanes) : asm.seq(),
    );
  const pixelSteps = [4, 4, ...spec.extras.map(({ pixelStep }) => pixelStep)];
  return nest(asm, spec.outer, moving, inVectors(asm, pixels, held, pixelSteps, moving, tile));
}

type Six = [Local, Local, Local, Local, Local, Local, ...Local[]];

/** Statement: a row of pixels in nearly equal tiles of vectors, the last with the lanes that are left. */
function inVectors(
  asm: Assembler,
  pixels: number,
  held: number,
  steps: readonly number[],
  pointers: readonly Local[],
  tile: (vectors: number, lastLanes: number) => Expr,
): Expr {
  const vectors = Math.ceil(pixels / 4);
  const lastLanes = pixels - 4 * (vectors - 1);
  const tiles = Math.ceil(vectors / held);
  const small = Math.floor(vectors / tiles);
  const larger = vectors - small * tiles;
  // The last tile is written on its own if its last vector is not whole.
  const apart = lastLanes < 4 ? 1 : 0;
  const run = (size: number, count: number): Expr =>
    nest(
      asm,
      [{ extent: count, steps: steps.map((step) => 4 * step * size) }],
      pointers,
      tile(size, 4),
    );
  const lastSize = tiles > larger ? small : small + 1;
  const smallTiles = Math.max(0, tiles - larger - apart);
  const largeTiles = tiles > larger ? larger : larger - apart;
  return asm.seq(
    largeTiles > 0 ? run(small + 1, largeTiles) : asm.seq(),
    smallTiles > 0 ? run(small, smallTiles) : asm.seq(),
    apart ? tile(lastSize, lastLanes) : asm.seq(),
    ...pointers.map((pointer, i) => pointer.advance(-4 * steps[i]! * (vectors - apart * lastSize))),
  );
}

/** Value: the epilogue of one vector of sums. */
function applied(
  asm: Assembler,
  { epilogue, extras }: PlanesSpec,
  sum: Local,
  pointers: readonly Local[],
  row: number,
  vector: number,
): Expr {
  return emitScalar(asm, epilogue!, [
    { value: sum.get, dtype: 'f32' },
    ...extras.map(({ dtype, pixelStep, planeStep }, i) => ({
      value: loadFour(
        asm,
        asm.op('i32.add', pointers[i]!.get, asm.i32(row * planeStep + 4 * vector * pixelStep)),
        pixelStep,
      ),
      dtype,
    })),
  ]);
}
