// Inputs as 16-bit integers, pixel after pixel, pairs of channels in words.

import { type Address, noHalo, type View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Emitter } from '../kernel.ts';
import { foldLanes, type Loop, nest } from '../walk.ts';
import { pair } from './fixed-point.ts';

/** Elements that are packed at once. */
const together = 8;

/** Added to a float of few digits, it leaves them rounded in the lowest bits. */
const rounder = 1.5 * 2 ** 23;

/** Stands for the largest magnitude where all values are zero, or nearly. */
export const leastPeak = 1e-30;

/** What is packed: the part of a view that a layer's windows touch. */
export interface Packing {
  readonly label: string;
  /** `[N, C, H, W]`, channels dense, from the first window on; margins count as pixels. */
  readonly from: View;
  readonly rows: number;
  readonly columns: number;
  /** What the largest magnitude becomes. */
  readonly levels: number;
}

/** Integers, and where it says what 1 of them stands for. */
export interface Packed {
  /** Words whose low half is the first channel of a pair. */
  readonly view: View;
  readonly step: Address;
}

/** Adds the step that packs. */
export function packInputs(emit: Emitter, packing: Packing): Packed {
  const { label, from, rows, columns, levels } = packing;
  const [n, c] = from.shape as [number, number];
  const pairs = Math.ceil(c / pair);
  const to: Address = emit.scratch(4 * n * rows * columns * pairs, `${label}, as integers`);
  const step = emit.scratch(16, `${label}, step`);
  const runs = runsOf(packing);
  emit.call({
    kernel: 'pack-fixed',
    label: `pack ${label}`,
    args: [from.address, to, step],
    write: (asm, source, target, stepAt) =>
      asm.seq(
        measure(asm, runs, levels, source!, stepAt!),
        pack(asm, runs, source!, target!, stepAt!),
      ),
  });
  const shape = [n, pairs, rows, columns];
  const strides = [rows * columns * pairs, 1, columns * pairs, pairs];
  return { view: { address: to, dtype: 'i32', shape, strides, halo: noHalo }, step };
}

/** Runs of dense elements, and the loops around them, over [floats, integers] in bytes. */
interface Runs {
  readonly outer: readonly Loop[];
  readonly run: number;
}

function runsOf({ from, rows, columns }: Packing): Runs {
  const [n, c] = from.shape as [number, number];
  const [image, , row, column] = from.strides as [number, number, number, number];
  const even = pair * Math.ceil(c / pair);
  const outer: Loop[] = [
    { extent: n, steps: [4 * image, 2 * rows * columns * even] },
    { extent: rows, steps: [4 * row, 2 * columns * even] },
    { extent: columns, steps: [4 * column, 2 * even] },
  ];
  let run = c;
  while (outer.length > 0) {
    const { extent, steps } = outer.at(-1)!;
    if (extent > 1 && !(steps[0] === 4 * run && steps[1] === 2 * run)) break;
    run *= extent;
    outer.pop();
  }
  return { outer, run };
}

/** How many eights are done in one round of a loop. */
const unrolled = 4;

/**
 * Statement: something for every 8 elements, `count` eights from both pointers on; the last of a run may come twice.
 */
function eachEight(
  asm: Assembler,
  { outer, run }: Runs,
  source: Local,
  target: Local,
  body: (from: Local, to: Local, count: number) => Expr,
): Expr {
  const [from, to] = [asm.i32Local(), asm.i32Local()];
  const first = [asm.i32Local(), asm.i32Local()] as const;
  const eights = Math.floor(run / together);
  const rest = run % together;
  const several = (count: number, extent: number): Expr =>
    extent === 0
      ? asm.seq()
      : nest(
          asm,
          [{ extent, steps: [4 * together * count, 2 * together * count] }],
          [from, to],
          body(from, to, count),
        );
  return asm.seq(
    first[0].set(source.get),
    first[1].set(target.get),
    nest(
      asm,
      outer,
      first,
      asm.seq(
        from.set(first[0].get),
        to.set(first[1].get),
        several(unrolled, Math.floor(eights / unrolled)),
        several(1, eights % unrolled),
        ...(rest > 0
          ? [
              from.advance(4 * (rest - together)),
              to.advance(2 * (rest - together)),
              body(from, to, 1),
            ]
          : []),
      ),
    ),
  );
}

/** Statement: stores what 1 of an integer stands for, so that the largest magnitude becomes `levels`. */
function measure(asm: Assembler, runs: Runs, levels: number, source: Local, stepAt: Local): Expr {
  const peaks = [asm.v128Local(), asm.v128Local()] as const;
  return asm.seq(
    ...peaks.map((peak) => peak.set(asm.f32x4(leastPeak))),
    eachEight(asm, runs, source, source, (from, _, count) =>
      asm.seq(
        ...Array.from({ length: 2 * count }, (_, i) =>
          raised(asm, peaks[i % 2]!, asm.load('v128.load', from.get, 16 * i)),
        ),
      ),
    ),
    storeStep(asm, peaks, levels, stepAt),
  );
}

/** Statement: a vector of the largest magnitudes so far takes in four more values. */
export const raised = (asm: Assembler, peak: Local, values: Expr): Expr =>
  peak.set(asm.op('f32x4.pmax', peak.get, asm.op('f32x4.abs', values)));

/** Statement: what 1 stands for, from the largest magnitudes of each lane, into four words. */
export function storeStep(
  asm: Assembler,
  [peak, other]: readonly [Local, Local],
  levels: number,
  stepAt: Local,
): Expr {
  const most = (a: Expr, b: Expr) => asm.op('f32x4.pmax', a, b);
  return asm.seq(
    peak.set(most(peak.get, other.get)),
    peak.set(foldLanes(asm, peak, most)),
    asm.store('v128.store', stepAt.get, asm.op('f32x4.mul', peak.get, asm.f32x4(1 / levels))),
  );
}

/** Value: multiplied by a scale, the nearest integers in the low halves of its lanes. */
export const rounded = (asm: Assembler, value: Expr, scale: Local): Expr =>
  asm.op('f32x4.add', asm.op('f32x4.mul', value, scale.get), asm.f32x4(rounder));

/** Statement: divides by the step and rounds. */
function pack(asm: Assembler, runs: Runs, source: Local, target: Local, stepAt: Local): Expr {
  const scale = asm.v128Local();
  const halves = [asm.v128Local(), asm.v128Local()] as const;
  return asm.seq(
    scale.set(asm.op('f32x4.div', asm.f32x4(1), asm.load('v128.load', stepAt.get))),
    eachEight(asm, runs, source, target, (from, to, count) =>
      asm.seq(
        ...Array.from({ length: count }, (_, eight) =>
          asm.seq(
            ...halves.map((half, i) =>
              half.set(rounded(asm, asm.load('v128.load', from.get, 32 * eight + 16 * i), scale)),
            ),
            asm.store(
              'v128.store',
              to.get,
              asm.lowHalves(halves[0].get, halves[1].get),
              16 * eight,
            ),
          ),
        ),
      ),
    ),
  );
}
