// Softmax: the greatest, the exponentials and their sum, the division; three passes over each row.

import type { AttrsOf } from '@espalier/ir';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { emitScalar } from '../scalar.ts';
import { foldLanes, loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

const exponential = { kind: 'call', fn: 'exp', args: [{ kind: 'arg', index: 0 }] } as const;

const exp = (asm: Assembler, value: Expr): Expr =>
  emitScalar(asm, exponential, [{ value, dtype: 'f32' }]);

const greater = (asm: Assembler) => (a: Expr, b: Expr) => asm.op('f32x4.max', a, b);
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
    const alongRow = steps.every((step) => step === 4);

    emit.call({
      label: `softmax ${node.name}`,
      args: [output.address, x.address],
      write: (asm, to, from) =>
        alongRow
          ? nest(asm, loops, [to!, from!], denseRow(asm, extent, to!, from!))
          : manyRows(asm, loops, extent, steps, to!, from!),
    });
  },
};

/** One row whose elements follow each other. */
function denseRow(asm: Assembler, extent: number, to: Local, from: Local): Expr {
  const [greatest, total, value] = [asm.v128Local(), asm.v128Local(), asm.v128Local()];
  const at = asm.i32Local();
  const tail = extent % 4;
  const whole = extent - tail;
  const place = (pointer: Local) => asm.op('i32.add', pointer.get, at.get);
  const each = (body: Expr) => asm.range(at, 0, 4 * whole, 16, body);
  // Lanes past the end are −∞: they are never the greatest, and their exponential is 0.
  let rest = asm.f32x4(Number.NEGATIVE_INFINITY);
  for (let lane = 0; lane < tail; lane++)
    rest = asm.loadLane('v128.load32_lane', from.get, rest, lane, 4 * (whole + lane));
  const atEnd = (pointer: Local) => asm.op('i32.add', pointer.get, asm.i32(4 * whole));
  const raised = (loaded: Expr) =>
    asm.seq(
      value.set(asm.op('f32x4.sub', loaded, greatest.get)),
      value.set(exp(asm, value.get)),
      total.set(asm.op('f32x4.add', total.get, value.get)),
    );
  const scaled = (loaded: Expr) => value.set(asm.op('f32x4.mul', loaded, total.get));
  return asm.seq(
    greatest.set(asm.f32x4(Number.NEGATIVE_INFINITY)),
    each(greatest.set(greater(asm)(greatest.get, asm.load('v128.load', place(from))))),
    tail > 0 ? greatest.set(greater(asm)(greatest.get, rest)) : asm.seq(),
    greatest.set(foldLanes(asm, greatest, greater(asm))),
    total.set(asm.f32x4(0)),
    each(
      asm.seq(
        raised(asm.load('v128.load', place(from))),
        asm.store('v128.store', place(to), value.get),
      ),
    ),
    tail > 0 ? asm.seq(raised(rest), storeLanes(asm, atEnd(to), value, tail)) : asm.seq(),
    total.set(foldLanes(asm, total, sum(asm))),
    total.set(asm.op('f32x4.div', asm.f32x4(1), total.get)),
    each(
      asm.seq(
        scaled(asm.load('v128.load', place(to))),
        asm.store('v128.store', place(to), value.get),
      ),
    ),
    tail > 0
      ? asm.seq(scaled(asm.load('v128.load', atEnd(to))), storeLanes(asm, atEnd(to), value, tail))
      : asm.seq(),
  );
}

/** Four rows at a time, one a lane, where elements of a row lie apart. */
function manyRows(
  asm: Assembler,
  loops: ReturnType<typeof loopsOf>,
  extent: number,
  [toStep, fromStep]: readonly [number, number],
  to: Local,
  from: Local,
): Expr {
  const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
  const [toLane, fromLane] = inner.steps as readonly [number, number];
  const tail = inner.extent % 4;
  const whole = (inner.extent - tail) / 4;
  const [greatest, total, value] = [asm.v128Local(), asm.v128Local(), asm.v128Local()];
  const [target, source] = [asm.i32Local(), asm.i32Local()];
  const row = [{ extent, steps: [toStep, fromStep] }];
  const start = asm.seq(target.set(to.get), source.set(from.get));
  const group = (lanes: number): Expr => {
    const loaded = loadFour(asm, source.get, fromLane, lanes);
    return asm.seq(
      start,
      greatest.set(asm.f32x4(Number.NEGATIVE_INFINITY)),
      nest(asm, row, [target, source], greatest.set(greater(asm)(greatest.get, loaded))),
      start,
      total.set(asm.f32x4(0)),
      nest(
        asm,
        row,
        [target, source],
        asm.seq(
          value.set(asm.op('f32x4.sub', loaded, greatest.get)),
          value.set(exp(asm, value.get)),
          total.set(asm.op('f32x4.add', total.get, value.get)),
          storeLanes(asm, target.get, value, lanes, toLane),
        ),
      ),
      start,
      total.set(asm.op('f32x4.div', asm.f32x4(1), total.get)),
      nest(
        asm,
        row,
        [target, source],
        asm.seq(
          value.set(asm.op('f32x4.mul', loadFour(asm, target.get, toLane, lanes), total.get)),
          storeLanes(asm, target.get, value, lanes, toLane),
        ),
      ),
    );
  };
  return nest(
    asm,
    loops.slice(0, -1),
    [to, from],
    asm.seq(
      nest(asm, [{ extent: whole, steps: [4 * toLane, 4 * fromLane] }], [to, from], group(4)),
      tail > 0 ? group(tail) : asm.seq(),
      to.advance(-4 * whole * toLane),
      from.advance(-4 * whole * fromLane),
    ),
  );
}
