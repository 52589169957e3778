// Folds axes: lanes run along the kept axis if that is dense in memory, else along the folded one.

import type { AttrsOf, DType } from '@espalier/ir';
import { elementCount } from '@espalier/ir';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import type { OpcodeName } from '../opcodes.ts';
import { foldLanes, type Loop, loadFour, loopsOf, nest, storeLanes } from '../walk.ts';
import { inVectors } from './vector-row.ts';

type Kind = AttrsOf<'reduce'>['kind'];

const opcodes: Readonly<Record<Kind, readonly [f32: OpcodeName, i32: OpcodeName]>> = {
  sum: ['f32x4.add', 'i32x4.add'],
  prod: ['f32x4.mul', 'i32x4.mul'],
  max: ['f32x4.max', 'i32x4.max_s'],
  min: ['f32x4.min', 'i32x4.min_s'],
};

/** What folding starts from. */
function identity(asm: Assembler, kind: Kind, dtype: DType): Expr {
  if (kind === 'sum') return asm.i32x4(0);
  if (kind === 'prod') return dtype === 'f32' ? asm.f32x4(1) : asm.i32x4(1);
  const sign = kind === 'max' ? -1 : 1;
  if (dtype === 'f32') return asm.f32x4(sign * Number.POSITIVE_INFINITY);
  if (dtype === 'bool') return asm.i32x4(kind === 'max' ? 0 : 1);
  return asm.i32x4(kind === 'max' ? -(2 ** 31) : 2 ** 31 - 1);
}

/** Long rows are cut into pieces about as long as they are many: a sum of sums loses fewer digits than one long sum. */
const pieceOf = (extent: number): number => Math.max(64, Math.round(Math.sqrt(extent)));

/** Results that are folded at once: as many chains of instructions as engines keep in registers. */
const chains = 8;

/** How vectors are folded. */
interface Fold {
  readonly start: Expr;
  combine(a: Expr, b: Expr): Expr;
  /** Value: what is folded into a total, at some bytes from where the pointer is. */
  value(total: number, bytes: number): Expr;
}

/**
 * Statement: folds what the loops visit into the totals, each innermost row, or piece of one, on its own
 * first. Few totals are folded in several ways, since each step of a way waits for the one before. The
 * pointer ends where `nest` leaves it.
 */
function foldLoops(
  asm: Assembler,
  loops: readonly Loop[],
  pointer: Local,
  totals: readonly Local[],
  { start, combine, value }: Fold,
): Expr {
  const inner = loops.at(-1) ?? { extent: 1, steps: [0] };
  const outer = loops.slice(0, -1);
  const [step] = inner.steps as readonly [number];
  const ways = Math.max(
    1,
    Math.min(Math.floor(chains / totals.length), Math.floor(inner.extent / 4)),
  );
  const pieceLength = Math.ceil(pieceOf(inner.extent) / ways) * ways;
  const add = (to: Local, other: Expr): Expr => to.set(combine(to.get, other));
  if (ways === 1 && outer.length === 0 && inner.extent <= pieceLength)
    return nest(
      asm,
      loops,
      [pointer],
      asm.seq(...totals.map((total, i) => add(total, value(i, 0)))),
    );
  const rows = Array.from({ length: ways }, () => totals.map(() => asm.v128Local()));
  /** Takes an element in each way. */
  const round = (elements: number): Expr =>
    asm.seq(
      ...rows
        .slice(0, elements)
        .flatMap((row, way) => row.map((sum, i) => add(sum, value(i, way * step)))),
    );
  /** The ways of a total, halved until one is left. */
  const halved = (sums: readonly Expr[]): Expr => {
    if (sums.length === 1) return sums[0]!;
    const half = Math.ceil(sums.length / 2);
    return combine(halved(sums.slice(0, half)), halved(sums.slice(half)));
  };
  /** Moves the pointer on behind the piece. */
  const piece = (extent: number): Expr => {
    const left = extent % ways;
    return asm.seq(
      ...rows.flat().map((sum) => sum.set(start)),
      nest(asm, [{ extent: (extent - left) / ways, steps: [ways * step] }], [pointer], round(ways)),
      round(left),
      pointer.advance(left * step),
      ...totals.map((total, i) => add(total, halved(rows.map((row) => row[i]!.get)))),
    );
  };
  const rest = inner.extent % pieceLength;
  const pieces = [{ extent: (inner.extent - rest) / pieceLength, steps: [0] }];
  const body = asm.seq(
    nest(asm, pieces, [pointer], piece(pieceLength)),
    rest > 0 ? piece(rest) : asm.seq(),
    outer.length > 0 ? pointer.advance(-inner.extent * step) : asm.seq(),
  );
  return nest(asm, outer, [pointer], body);
}

/** Sums, products and extremes over any axes. */
export const reduce: Kernel = {
  name: 'reduce',

  lower({ node, input, output, emit }) {
    const { kind, axes } = node.attrs as AttrsOf<'reduce'>; // its op says so
    const x = input(0);
    const [f32, i32] = opcodes[kind];
    const name = x.dtype === 'f32' ? f32 : i32;
    const isFolded = (axis: number) => axes.includes(axis);
    const kept = x.shape.map((_, axis) => axis).filter((axis) => !isFolded(axis));
    // Kept axes of the result: all of them, or those that are not folded.
    const keepDims = output.shape.length === x.shape.length && axes.length > 0;
    const outStrides = kept.map((axis, i) => output.strides[keepDims ? axis : i]!);
    const keptLoops = loopsOf(
      kept.map((axis) => x.shape[axis]!),
      [outStrides, kept.map((axis) => x.strides[axis]!)],
    );
    const folded = axes.map((axis) => x.strides[axis]!);
    const foldShape = axes.map((axis) => x.shape[axis]!);
    const foldedLoops = loopsOf(foldShape, [folded]);
    const innerKept = keptLoops.at(-1);
    const empty = elementCount(foldShape) === 0;
    const alongFold = foldedLoops.at(-1)?.steps[0] === 4 && innerKept?.steps[1] !== 4 && !empty;

    emit.call({
      label: `reduce ${node.name}`,
      args: [output.address, x.address],
      write(asm, to, from) {
        const pointer = asm.i32Local();
        const start = identity(asm, kind, x.dtype);
        const combine = (a: Expr, b: Expr) => asm.op(name, a, b);
        if (alongFold) {
          const total = asm.v128Local();
          const inner = foldedLoops.at(-1)!;
          const tail = inner.extent % 4;
          const vectors = { extent: (inner.extent - tail) / 4, steps: [16] };
          const outer = foldedLoops.slice(0, -1);
          let rest = start;
          for (let lane = 0; lane < tail; lane++)
            rest = asm.loadLane('v128.load32_lane', pointer.get, rest, lane, 4 * lane);
          const row = asm.seq(
            foldLoops(asm, [vectors], pointer, [total], {
              start,
              combine,
              value: (_, bytes) => loadFour(asm, pointer.get, 4, 4, bytes),
            }),
            tail > 0 ? total.set(combine(total.get, rest)) : asm.seq(),
            pointer.advance(-16 * vectors.extent),
          );
          const one = asm.seq(
            pointer.set(from!.get),
            total.set(start),
            nest(asm, outer, [pointer], row),
            total.set(foldLanes(asm, total, combine)),
            storeLanes(asm, to!.get, total, 1),
          );
          return nest(asm, keptLoops, [to!, from!], one);
        }

        const inner = innerKept ?? { extent: 1, steps: [4, 4] };
        const [outStep, inStep] = inner.steps as readonly [number, number];
        // Totals that lie together are folded together: memory is walked through once.
        const held = inStep === 4 ? chains : 1;
        const totals = Array.from({ length: held }, () => asm.v128Local());
        const group = (vectors: number, lastLanes: number): Expr => {
          const own = totals.slice(0, vectors);
          const lanesOf = (vector: number) => (vector === vectors - 1 ? lastLanes : 4);
          return asm.seq(
            pointer.set(from!.get),
            ...own.map((total) => total.set(start)),
            foldLoops(asm, empty ? [{ extent: 0, steps: [0] }] : foldedLoops, pointer, own, {
              start,
              combine,
              value: (vector, bytes) =>
                loadFour(asm, pointer.get, inStep, lanesOf(vector), bytes + 4 * vector * inStep),
            }),
            ...own.map((total, vector) =>
              storeLanes(asm, to!.get, total, lanesOf(vector), outStep, 4 * vector * outStep),
            ),
          );
        };
        const row = inVectors(asm, inner.extent, held, [outStep, inStep], [to!, from!], group);
        return nest(asm, keptLoops.slice(0, -1), [to!, from!], row);
      },
    });
  },
};
