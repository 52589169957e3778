// The register-tiled sparse product over planes: some vectors of pixels × a few outputs.

import type { DType, Scalar } from '@espalier/ir';
import type { Reread } from '../../../devices/work.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import { emitScalar, lengthOf } from '../scalar.ts';
import { type Loop, loadFour, nest, storeLanes } from '../walk.ts';
import { lineBytes, linesOf, setsLost } from './cache-lines.ts';
import { inParts, inVectors, type Parts } from './vector-row.ts';

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
  /** The rows of a plane, over the same pointers, where they do not follow each other without a gap. */
  readonly lines: Loop | undefined;
  /** Pixels of a row. */
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
const heldVectors = ({ relaxed }: Pick<Assembler, 'relaxed'>, height: number): number =>
  Math.floor((relaxed ? 13 : height === 1 ? 7 : 8) / height);

/** What a product reads again. */
export interface PlanesReads {
  /** Rows of the result, of all images, and their pixels. */
  readonly rows: number;
  readonly pixels: number;
  readonly height: number;
  /** Planes of the input, their distance in bytes, and the rows that a window reads. */
  readonly inputs: number;
  readonly planeBytes: number;
  readonly windowRows: number;
  /** Taps of all blocks, and the bytes of their weights and offsets. */
  readonly taps: number;
  readonly tableBytes: number;
}

/** The inputs of a tile, for the blocks after the first, and all taps for the tiles after the first. */
export function planesRereads(reads: PlanesReads): Reread[] {
  const { rows, height, inputs, windowRows, taps, tableBytes } = reads;
  // Modules differ in the vectors of a tile.
  const held = heldVectors({ relaxed: true }, height);
  const vectors = Math.ceil(reads.pixels / 4);
  const rowsHeld = Math.max(1, Math.min(rows, Math.floor(held / vectors)));
  const tiles = Math.ceil((rows * vectors) / (rowsHeld * Math.min(held, vectors)));
  const inputRows = windowRows + rowsHeld - 1;
  const lines = inputRows * linesOf(16 * Math.min(held, vectors));
  // Planes whose distance is a multiple of a page meet in the same few sets.
  const tileBytes = lineBytes * inputs * Math.max(lines, setsLost(reads.planeBytes));
  return [
    {
      bytes: 16 * rows * vectors * Math.max(0, taps - inputs * windowRows),
      span: tileBytes,
    },
    { bytes: (tiles - 1) * tableBytes, span: tableBytes + tileBytes },
  ];
}

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

  const lineSteps = spec.lines?.steps ?? moving.map(() => 0);
  const vectors = Math.ceil(pixels / 4);
  /** The vectors of some rows: all of them, or some of one. */
  const cellsOf = (lines: number, count: number, lastLanes: number): Cell[] =>
    Array.from({ length: lines * count }, (_, i) => {
      const [line, vector] = [Math.floor(i / count), i % count];
      const at = (pointer: number, pixelStep: number) =>
        line * lineSteps[pointer]! + 4 * vector * pixelStep;
      return {
        x: at(0, 4),
        heads: [at(1, 4), ...spec.extras.map(({ pixelStep }, e) => at(e + 2, pixelStep))],
        lanes: vector === count - 1 ? lastLanes : 4,
      };
    });

  /** A block of up to `height` outputs for some vectors. */
  const block = (rows: number, cells: readonly Cell[]): Expr => {
    const own = (row: number, cell: number) => sums[row * held + cell]!;
    const start = Array.from({ length: rows }, (_, row) => [
      pixel.set(asm.load('v128.load32_splat', biasAt.get, 4 * row)),
      ...cells.map((_, cell) => own(row, cell).set(pixel.get)),
    ]).flat();
    const products = asm.seq(
      at.set(asm.op('i32.add', x.get, asm.load('i32.load', tap.get))),
      ...rowWeights
        .slice(0, rows)
        .map((weight, row) => weight.set(asm.load('v128.load32_splat', weightAt.get, 4 * row))),
      ...cells.map(({ x }, cell) =>
        asm.seq(
          pixel.set(asm.load('v128.load', at.get, x)),
          ...rowWeights
            .slice(0, rows)
            .map((weight, row) => asm.madd(own(row, cell), pixel.get, weight.get)),
        ),
      ),
      weightAt.advance(4 * height),
      tap.advance(4),
    );
    const finishing = Array.from({ length: rows }, (_, row) =>
      cells.map(({ heads: offsets, lanes }, cell) => {
        const sum = own(row, cell);
        const to = row * spec.planeStep + offsets[0]!;
        return asm.seq(
          spec.epilogue
            ? asm.epilogue(
                lengthOf(spec.epilogue),
                sum.set(applied(asm, spec, sum, heads.slice(1), row, offsets.slice(1))),
              )
            : asm.seq(),
          lanes === 4
            ? asm.store('v128.store', heads[0]!.get, sum.get, to)
            : storeLanes(asm, asm.op('i32.add', heads[0]!.get, asm.i32(to)), sum, lanes),
        );
      }),
    ).flat();
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

  const tile = (cells: readonly Cell[]): Expr =>
    asm.seq(
      tap.set(offsets.get),
      weightAt.set(weights.get),
      biasAt.set(bias.get),
      count.set(counts.get),
      ...heads.map((head, i) => head.set([y, ...extras][i]!.get)),
      asm.range(asm.i32Local(), 0, Math.floor(outputs / height), 1, block(height, cells)),
      outputs % height > 0 ? block(outputs % height, cells) : asm.seq(),
    );
  const { lines } = spec;
  // Short rows share a tile, which pays for its taps once.
  if (lines && 2 * vectors <= held) {
    const { extent, steps } = lines;
    const groups = inParts(extent, Math.floor(held / vectors));
    const run = ({ size, count }: Parts): Expr =>
      nest(
        asm,
        [{ extent: count, steps: steps.map((step) => step * size) }],
        moving,
        tile(cellsOf(size, vectors, pixels - 4 * (vectors - 1))),
      );
    const back = moving.map((pointer, i) => pointer.advance(-steps[i]! * extent));
    return nest(asm, spec.outer, moving, asm.seq(...groups.map(run), ...back));
  }
  const row = inVectors(
    asm,
    pixels,
    held,
    [4, 4, ...spec.extras.map(({ pixelStep }) => pixelStep)],
    moving,
    (count, lastLanes) => tile(cellsOf(1, count, lastLanes)),
  );
  return nest(asm, [...spec.outer, ...(lines ? [lines] : [])], moving, row);
}

/** A vector of a tile: bytes from the tile's first pixel, in the input and in [y, ...extras]; lanes that exist. */
interface Cell {
  readonly x: number;
  readonly heads: readonly number[];
  readonly lanes: number;
}

type Six = [Local, Local, Local, Local, Local, Local, ...Local[]];

/** Value: the epilogue of one vector of sums. */
function applied(
  asm: Assembler,
  { epilogue, extras }: PlanesSpec,
  sum: Local,
  pointers: readonly Local[],
  row: number,
  offsets: readonly number[],
): Expr {
  return emitScalar(asm, epilogue!, [
    { value: sum.get, dtype: 'f32' },
    ...extras.map(({ dtype, pixelStep, planeStep }, i) => ({
      value: loadFour(
        asm,
        asm.op('i32.add', pointers[i]!.get, asm.i32(row * planeStep + offsets[i]!)),
        pixelStep,
      ),
      dtype,
    })),
  ]);
}
