// Inputs as 16-bit integers, pixel after pixel, pairs of channels in words.

import { type Address, moved, noHalo, type View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Emitter } from '../kernel.ts';
import { type Loop, nest } from '../walk.ts';
import { type FixedPoint, pair } from './fixed-point.ts';

/** Elements that are packed at once. */
const together = 8;

/** Added to a float of few digits, it leaves them rounded in the lowest bits. */
const rounder = 1.5 * 2 ** 23;

/** What is packed: the part of a view that a layer's windows touch. */
export interface Packing {
  readonly label: string;
  /** `[N, C, H, W]`, channels dense, from the first window on; margins count as pixels. */
  readonly from: View;
  readonly rows: number;
  readonly columns: number;
  readonly fixed: Pick<FixedPoint, 'levels' | 'inputStep'>;
}

/** Adds the step, and gives the view of its result: words whose low half is the first channel of a pair. */
export function packInputs(emit: Emitter, packing: Packing): View {
  const { label, from, rows, columns, fixed } = packing;
  const [n, c] = from.shape as [number, number];
  const pairs = Math.ceil(c / pair);
  const to: Address = emit.scratch(4 * n * rows * columns * pairs, `${label}, as integers`);
  const loops = runsOf(packing);
  emit.call({
    label: `pack ${label}`,
    args: [from.address, to],
    write: (asm, source, target) => pack(asm, loops, fixed, source!, target!),
  });
  const shape = [n, pairs, rows, columns];
  const strides = [rows * columns * pairs, 1, columns * pairs, pairs];
  return { address: moved(to, 0), dtype: 'i32', shape, strides, halo: noHalo };
}

/** Runs of dense elements, and the loops around them, over [floats, integers] in bytes. */
function runsOf({ from, rows, columns }: Packing): { readonly outer: Loop[]; readonly run: number } {
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

function pack(
  asm: Assembler,
  { outer, run }: ReturnType<typeof runsOf>,
  { levels, inputStep }: Packing['fixed'],
  source: Local,
  target: Local,
): Expr {
  const [scale, most, least, rounding] = [1 / inputStep, levels, -levels, rounder].map((value) => ({
    value,
    local: asm.v128Local(),
  })) as [Held, Held, Held, Held];
  const halves = [asm.v128Local(), asm.v128Local()];
  const [from, to] = [asm.i32Local(), asm.i32Local()];
  const some = (bytes: number): Expr =>
    asm.seq(
      ...halves.map((half, i) => {
        const value = asm.op(
          'f32x4.mul',
          asm.load('v128.load', from.get, bytes + 16 * i),
          scale.local.get,
        );
        const above = asm.op('f32x4.pmax', least.local.get, value);
        const within = asm.op('f32x4.pmin', most.local.get, above);
        return half.set(asm.op('f32x4.add', within, rounding.local.get));
      }),
      asm.store('v128.store', to.get, asm.lowHalves(halves[0]!.get, halves[1]!.get), bytes / 2),
    );
  const whole = Math.floor(run / together);
  const rest = run % together;
  return asm.seq(
    ...[scale, most, least, rounding].map(({ value, local }) => local.set(asm.f32x4(value))),
    nest(
      asm,
      outer,
      [source, target],
      asm.seq(
        from.set(source.get),
        to.set(target.get),
        nest(asm, [{ extent: whole, steps: [4 * together, 2 * together] }], [from, to], some(0)),
        // The last ones, some of them again.
        ...(rest > 0
          ? [from.advance(4 * (rest - together)), to.advance(2 * (rest - together)), some(0)]
          : []),
      ),
    ),
  );
}

interface Held {
  readonly value: number;
  readonly local: Local;
}
