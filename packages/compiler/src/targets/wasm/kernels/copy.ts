// Moves elements from one view to another: transposition, gathering of slices, repetition.

import { elementCount } from '@espalier/ir';
import type { Reread } from '../../../devices/work.ts';
import { elementBytes, type View } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Emitter } from '../kernel.ts';
import { type Loop, loopsOf, nest } from '../walk.ts';
import { lineBytes, setsLost } from './cache-lines.ts';
import { interleave, interleaving } from './interleave.ts';

/** From this many bytes on, the engine's own copy is faster than a loop of vectors. */
const longRunBytes = 512;

/** Adds a step that copies `from` to `to`, views of the same shape that do not overlap. */
export function emitCopy(emit: Pick<Emitter, 'call'>, from: View, to: View, label: string): void {
  if (elementCount(to.shape) === 0) return;
  const bytes = elementBytes(to.dtype);
  const strides = [to.strides, from.strides];
  const inBytes = loopsOf(to.shape, strides, [bytes, bytes]);
  // Whole runs of codes are moved as words.
  const loops = bytes === 4 ? inBytes : asWords(inBytes);
  emit.call({
    label,
    kernel: loops ? copyKind(loops) : 'copy-words',
    rereads: linesReread(loops ?? [], bytes * elementCount(to.shape)),
    args: [to.address, from.address],
    write: (asm, target, source) => {
      if (!loops) return copyBytes(asm, inBytes, target!, source!);
      const woven = interleaving(loops);
      if (woven) return interleave(asm, woven, target!, source!);
      const crossed = crossing(loops);
      return crossed
        ? transposeBlocks(asm, crossed, target!, source!)
        : copyRuns(asm, loops, target!, source!);
    },
  });
}

/** A whole line of the cache serves four blocks of a transposition, one after a whole row of blocks. */
function linesReread(loops: readonly Loop[], bytes: number): Reread[] {
  const crossed = interleaving(loops) ? undefined : crossing(loops);
  if (!crossed) return [];
  const { extent, steps } = crossed.columns;
  const touched = Math.min(lineBytes, Math.abs(steps[1]!));
  return [{ bytes: (touched / 16 - 1) * bytes, span: touched * extent * setsLost(steps[1]!) }];
}

/** Whether the usual cores load the source ahead of time: a few streams, or all lines in their order. */
const isStreamed = ({ columns }: Crossing): boolean =>
  columns.extent <= 32 || Math.abs(columns.steps[1]!) <= 2 * lineBytes;

/** The ways of copying, which cost differently. */
function copyKind(loops: readonly Loop[]): string {
  if (interleaving(loops)) return 'copy-interleaved';
  const crossed = crossing(loops);
  if (crossed) return isStreamed(crossed) ? 'copy-interleaved' : 'copy-transposed';
  const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
  const [toStep, fromStep] = inner.steps;
  if (toStep !== 4 || (fromStep !== 4 && fromStep !== 0)) return 'copy-words';
  return fromStep === 4 && 4 * inner.extent >= longRunBytes ? 'copy-bulk' : 'copy-rows';
}
/** The same copy in elements of 4 bytes, if its innermost runs are made of whole ones. */
function asWords(loops: readonly Loop[]): readonly Loop[] | undefined {
  const inner = loops.at(-1);
  if (!inner || inner.extent % 4 !== 0 || inner.steps.some((step) => step !== 1)) return undefined;
  return [...loops.slice(0, -1), { extent: inner.extent / 4, steps: [4, 4] }];
}

const copyBytes = (asm: Assembler, loops: readonly Loop[], to: Local, from: Local): Expr =>
  nest(asm, loops, [to, from], asm.store('i32.store8', to.get, asm.load('i32.load8_u', from.get)));

function copyRuns(asm: Assembler, loops: readonly Loop[], to: Local, from: Local): Expr {
  const inner = loops.at(-1);
  if (!inner) return asm.store('i32.store', to.get, asm.load('i32.load', from.get));
  const [toStep, fromStep] = inner.steps;
  if (toStep !== 4 || (fromStep !== 4 && fromStep !== 0))
    return nest(
      asm,
      loops,
      [to, from],
      asm.store('i32.store', to.get, asm.load('i32.load', from.get)),
    );
  const outer = loops.slice(0, -1);
  const bytes = 4 * inner.extent;
  if (fromStep === 4 && bytes >= longRunBytes)
    return nest(asm, outer, [to, from], asm.copy(to.get, from.get, asm.i32(bytes)));
  return nest(asm, outer, [to, from], copyRow(asm, inner.extent, to, from, fromStep === 0));
}

/** One short row: vectors, then what is left word by word. */
function copyRow(asm: Assembler, extent: number, to: Local, from: Local, repeats: boolean): Expr {
  const name = repeats ? 'v128.load32_splat' : 'v128.load';
  const source = (bytes: number) => (repeats ? 0 : bytes);
  const at = asm.i32Local();
  const whole = extent - (extent % 4);
  const base = (pointer: Local) => asm.op('i32.add', pointer.get, at.get);
  const vectors = asm.range(
    at,
    0,
    4 * whole,
    16,
    asm.store('v128.store', base(to), asm.load(name, repeats ? from.get : base(from))),
  );
  const rest = Array.from({ length: extent - whole }, (_, i) =>
    asm.store(
      'i32.store',
      to.get,
      asm.load('i32.load', from.get, source(4 * (whole + i))),
      4 * (whole + i),
    ),
  );
  return asm.seq(vectors, ...rest);
}

/** A transposition: the axis that is dense in the target, and the one that is dense in the source. */
interface Crossing {
  readonly outer: readonly Loop[];
  /** Dense in the source. */
  readonly rows: Loop;
  /** Dense in the target. */
  readonly columns: Loop;
}

function crossing(loops: readonly Loop[]): Crossing | undefined {
  const columns = loops.at(-1);
  const rows = loops.findIndex(({ steps }) => steps[1] === 4);
  if (columns?.steps[0] !== 4 || columns.steps[1] === 4 || columns.steps[1] === 0) return undefined;
  if (rows < 0 || loops[rows]!.extent < 4 || columns.extent < 4) return undefined;
  const outer = loops.filter((_, i) => i !== rows && i !== loops.length - 1);
  return { outer, rows: loops[rows]!, columns };
}

/** Four by four elements at a time through registers, the borders word by word. */
function transposeBlocks(
  asm: Assembler,
  { outer, rows, columns }: Crossing,
  to: Local,
  from: Local,
): Expr {
  const [toRow, fromColumn] = [rows.steps[0]!, columns.steps[1]!];
  const [wholeRows, wholeColumns] = [rows, columns].map(({ extent }) => extent - (extent % 4)) as [
    number,
    number,
  ];
  const pointers = { to: asm.i32Local(), from: asm.i32Local() };
  const lines = [0, 1, 2, 3].map(() => asm.v128Local());
  const pairs = [0, 1, 2, 3].map(() => asm.v128Local());
  const [a, b, c, d] = lines as [Local, Local, Local, Local];
  const [e, f, g, h] = pairs as [Local, Local, Local, Local];
  const lineAt = asm.i32Local();
  const block = asm.seq(
    lineAt.set(pointers.from.get),
    ...lines.map((line) =>
      asm.seq(line.set(asm.load('v128.load', lineAt.get)), lineAt.advance(fromColumn)),
    ),
    e.set(asm.shuffle32(a.get, b.get, [0, 4, 1, 5])),
    f.set(asm.shuffle32(c.get, d.get, [0, 4, 1, 5])),
    g.set(asm.shuffle32(a.get, b.get, [2, 6, 3, 7])),
    h.set(asm.shuffle32(c.get, d.get, [2, 6, 3, 7])),
    a.set(asm.shuffle32(e.get, f.get, [0, 1, 4, 5])),
    b.set(asm.shuffle32(e.get, f.get, [2, 3, 6, 7])),
    c.set(asm.shuffle32(g.get, h.get, [0, 1, 4, 5])),
    d.set(asm.shuffle32(g.get, h.get, [2, 3, 6, 7])),
    lineAt.set(pointers.to.get),
    ...lines.map((line) =>
      asm.seq(asm.store('v128.store', lineAt.get, line.get), lineAt.advance(toRow)),
    ),
  );
  const word = asm.store('i32.store', pointers.to.get, asm.load('i32.load', pointers.from.get));
  const both = [pointers.to, pointers.from];
  const part = (rowStart: number, columnStart: number, loops: readonly Loop[], body: Expr): Expr =>
    loops.some(({ extent }) => extent <= 0)
      ? asm.seq()
      : asm.seq(
          pointers.to.set(asm.op('i32.add', to.get, asm.i32(rowStart * toRow + columnStart * 4))),
          pointers.from.set(
            asm.op('i32.add', from.get, asm.i32(rowStart * 4 + columnStart * fromColumn)),
          ),
          nest(asm, loops, both, body),
        );
  const rowLoop = (extent: number, by: number): Loop => ({
    extent: extent / by,
    steps: [toRow * by, 4 * by],
  });
  const columnLoop = (extent: number, by: number): Loop => ({
    extent: extent / by,
    steps: [4 * by, fromColumn * by],
  });
  return nest(
    asm,
    outer,
    [to, from],
    asm.seq(
      part(0, 0, [rowLoop(wholeRows, 4), columnLoop(wholeColumns, 4)], block),
      part(
        0,
        wholeColumns,
        [rowLoop(wholeRows, 1), columnLoop(columns.extent - wholeColumns, 1)],
        word,
      ),
      part(
        wholeRows,
        0,
        [rowLoop(rows.extent - wholeRows, 1), columnLoop(columns.extent, 1)],
        word,
      ),
    ),
  );
}
