// Softmax: the greatest, the exponentials and their sum, the division. Short rows stay in registers, four at a
// time; longer ones are passed over three times.

import type { AttrsOf } from '@espalier/ir';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { expNonPositive } from '../math.ts';
import { emitFunction, functionsTogether } from '../scalar.ts';
import { foldLanes, type Loop, loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

/** Rows of at most so many elements are held, a vector for each place in the row. */
const heldElements = 8;

/** A NaN may be missed here: it comes back in the sum of exponentials. */
const greater = (asm: Assembler) => (a: Expr, b: Expr) => asm.op('f32x4.pmax', a, b);
const sum = (asm: Assembler) => (a: Expr, b: Expr) => asm.op('f32x4.add', a, b);

/** Softmax along any axis. */
export const softmax: Kernel = {
  name: 'softmax',

  lower({ node, input, output, emit }) {
    const { axis } = node.attrs as AttrsOf<'softmax'>; // its op says so
    const x = input(0);
    const extent = x.shape[axis]!;
    const without = <T>(list: readonly T[]) => list.filter((_, a) => a !== axis);
    const loops = loopsOf(without(x.shape), [without(output.strides), without(x.strides)]);
    const steps = [4 * output.strides[axis]!, 4 * x.strides[axis]!] as const;
    const alongRow = extent > heldElements && steps.every((step) => step === 4);

    emit.call({
      label: `softmax ${node.name}`,
      args: [output.address, x.address],
      write(asm, to, from) {
        if (alongRow) return nest(asm, loops, [to!, from!], denseRow(asm, extent, to!, from!));
        const some = extent <= heldElements ? heldRows : stridedRows;
        return manyRows(asm, loops, to!, from!, some(asm, extent, steps, to!, from!));
      },
    });
  },
};

/** One row whose elements follow each other. */
function denseRow(asm: Assembler, extent: number, to: Local, from: Local): Expr {
  const together = functionsTogether(asm);
  const of = () => Array.from({ length: together }, () => asm.v128Local());
  const [greatest, totals, values] = [of(), of(), of()];
  const [most, total, last] = [greatest[0]!, totals[0]!, values[0]!];
  const at = asm.i32Local();
  const tail = extent % 4;
  const whole = extent - tail;
  const rest = whole - (whole % (4 * together));
  const loaded = (pointer: Local, vector: number) =>
    asm.load('v128.load', asm.op('i32.add', pointer.get, at.get), 16 * vector);
  const stored = (value: Local, vector: number) =>
    asm.store('v128.store', asm.op('i32.add', to.get, at.get), value.get, 16 * vector);
  /** Whole vectors: as many at a time as go together, then those that are left. */
  const each = (body: (vectors: readonly number[]) => Expr) =>
    asm.seq(
      asm.range(at, 0, 4 * rest, 16 * together, body(greatest.map((_, vector) => vector))),
      asm.range(at, 4 * rest, 4 * whole, 16, body([0])),
    );
  const folded = (parts: readonly Local[], combine: (a: Expr, b: Expr) => Expr) =>
    asm.seq(
      ...parts.slice(1).map((part) => parts[0]!.set(combine(parts[0]!.get, part.get))),
      parts[0]!.set(foldLanes(asm, parts[0]!, combine)),
    );
  // Lanes past the end are −∞: they are never the greatest, and their exponential is 0.
  let remaining = asm.f32x4(Number.NEGATIVE_INFINITY);
  for (let lane = 0; lane < tail; lane++)
    remaining = asm.loadLane('v128.load32_lane', from.get, remaining, lane, 4 * (whole + lane));
  const end = (pointer: Local) => asm.op('i32.add', pointer.get, asm.i32(4 * whole));
  const raised = (held: readonly Local[], inputs: readonly Expr[]) =>
    asm.seq(
      ...held.map((value, i) => value.set(asm.op('f32x4.sub', inputs[i]!, most.get))),
      emitFunction(asm, expNonPositive, held),
      ...held.map((value, i) => totals[i]!.set(asm.op('f32x4.add', totals[i]!.get, value.get))),
    );
  const scaled = (value: Expr) => asm.op('f32x4.mul', value, total.get);
  const ifTail = (...body: Expr[]) => (tail > 0 ? asm.seq(...body) : asm.seq());
  return asm.seq(
    ...greatest.map((part) => part.set(asm.f32x4(Number.NEGATIVE_INFINITY))),
    each((vectors) =>
      asm.seq(
        ...vectors.map((v) => greatest[v]!.set(greater(asm)(greatest[v]!.get, loaded(from, v)))),
      ),
    ),
    ifTail(most.set(greater(asm)(most.get, remaining))),
    folded(greatest, greater(asm)),
    ...totals.map((part) => part.set(asm.f32x4(0))),
    each((vectors) =>
      asm.seq(
        raised(
          values.slice(0, vectors.length),
          vectors.map((v) => loaded(from, v)),
        ),
        ...vectors.map((v) => stored(values[v]!, v)),
      ),
    ),
    ifTail(raised([last], [remaining]), storeLanes(asm, end(to), last, tail)),
    folded(totals, sum(asm)),
    total.set(asm.op('f32x4.div', asm.f32x4(1), total.get)),
    each((vectors) =>
      asm.seq(
        ...vectors.map((v) => values[v]!.set(scaled(loaded(to, v)))),
        ...vectors.map((v) => stored(values[v]!, v)),
      ),
    ),
    ifTail(last.set(scaled(asm.load('v128.load', end(to)))), storeLanes(asm, end(to), last, tail)),
  );
}

/** Up to four rows, one a lane: `toLane` and `fromLane` bytes apart. */
type Rows = (lanes: number, toLane: number, fromLane: number) => Expr;

/** All rows, four at a time. */
function manyRows(
  asm: Assembler,
  loops: readonly Loop[],
  to: Local,
  from: Local,
  some: Rows,
): Expr {
  const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
  const [toLane, fromLane] = inner.steps as readonly [number, number];
  const tail = inner.extent % 4;
  const whole = (inner.extent - tail) / 4;
  const fours = { extent: whole, steps: [4 * toLane, 4 * fromLane] };
  return nest(
    asm,
    loops.slice(0, -1),
    [to, from],
    asm.seq(
      nest(asm, [fours], [to, from], some(4, toLane, fromLane)),
      tail > 0 ? some(tail, toLane, fromLane) : asm.seq(),
      to.advance(-4 * whole * toLane),
      from.advance(-4 * whole * fromLane),
    ),
  );
}

/** Rows of few elements, all of them in registers. */
function heldRows(
  asm: Assembler,
  extent: number,
  [toStep, fromStep]: readonly [number, number],
  to: Local,
  from: Local,
): Rows {
  const values = Array.from({ length: extent }, () => asm.v128Local());
  const folded = asm.v128Local();
  const together = functionsTogether(asm);
  const fold = (combine: (a: Expr, b: Expr) => Expr) =>
    folded.set(values.map(({ get }) => get).reduce(combine));
  const place = (pointer: Local, step: number, i: number) =>
    i === 0 ? pointer.get : asm.op('i32.add', pointer.get, asm.i32(step * i));
  const groups = Array.from({ length: Math.ceil(extent / together) }, (_, i) =>
    values.slice(i * together, (i + 1) * together),
  );
  return (lanes, toLane, fromLane) =>
    asm.seq(
      ...values.map((value, i) =>
        value.set(loadFour(asm, place(from, fromStep, i), fromLane, lanes)),
      ),
      fold(greater(asm)),
      ...values.map((value) => value.set(asm.op('f32x4.sub', value.get, folded.get))),
      ...groups.map((group) => emitFunction(asm, expNonPositive, group)),
      fold(sum(asm)),
      folded.set(asm.op('f32x4.div', asm.f32x4(1), folded.get)),
      ...values.map((value, i) =>
        asm.seq(
          value.set(asm.op('f32x4.mul', value.get, folded.get)),
          storeLanes(asm, place(to, toStep, i), value, lanes, toLane),
        ),
      ),
    );
}

/** Rows whose elements lie apart. */
function stridedRows(
  asm: Assembler,
  extent: number,
  [toStep, fromStep]: readonly [number, number],
  to: Local,
  from: Local,
): Rows {
  const [greatest, total, value] = [asm.v128Local(), asm.v128Local(), asm.v128Local()];
  const [target, source] = [asm.i32Local(), asm.i32Local()];
  const row = [{ extent, steps: [toStep, fromStep] }];
  const over = (body: Expr) =>
    asm.seq(target.set(to.get), source.set(from.get), nest(asm, row, [target, source], body));
  return (lanes, toLane, fromLane) => {
    const loaded = loadFour(asm, source.get, fromLane, lanes);
    return asm.seq(
      greatest.set(asm.f32x4(Number.NEGATIVE_INFINITY)),
      over(greatest.set(greater(asm)(greatest.get, loaded))),
      total.set(asm.f32x4(0)),
      over(
        asm.seq(
          value.set(asm.op('f32x4.sub', loaded, greatest.get)),
          emitFunction(asm, expNonPositive, [value]),
          total.set(asm.op('f32x4.add', total.get, value.get)),
          storeLanes(asm, target.get, value, lanes, toLane),
        ),
      ),
      total.set(asm.op('f32x4.div', asm.f32x4(1), total.get)),
      over(
        asm.seq(
          value.set(asm.op('f32x4.mul', loadFour(asm, target.get, toLane, lanes), total.get)),
          storeLanes(asm, target.get, value, lanes, toLane),
        ),
      ),
    );
  };
}
