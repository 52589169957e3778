// Max and sum pooling over NHWC, lanes along channels. Windows are clipped at the borders.

import type { AttrsOf, OpName } from '@espalier/ir';
import { channelsLast } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { nest, storeLanes } from '../walk.ts';

/** One axis of the window, as code: where it starts in the input, and how many taps are inside. */
interface Clipped {
  /** Statement: sets `origin` and `count` from the output's coordinate. */
  readonly clip: Expr;
  readonly origin: Local;
  readonly count: Local;
}

function clipAxis(
  asm: Assembler,
  coordinate: Local,
  axis: {
    readonly size: number;
    readonly taps: number;
    readonly stride: number;
    readonly dilation: number;
    readonly pad: number;
  },
): Clipped {
  const [origin, count, skipped] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
  const { size, taps, stride, dilation, pad } = axis;
  const sub = (a: Expr, b: Expr) => asm.op('i32.sub', a, b);
  const start = sub(asm.op('i32.mul', coordinate.get, asm.i32(stride)), asm.i32(pad));
  const ceilDiv = (value: Expr) =>
    asm.op('i32.div_s', asm.op('i32.add', value, asm.i32(dilation - 1)), asm.i32(dilation));
  const clip = asm.seq(
    origin.set(start),
    skipped.set(asm.i32(0)),
    count.set(ceilDiv(sub(asm.i32(size), origin.get))),
    asm.when(asm.op('i32.gt_s', count.get, asm.i32(taps)), count.set(asm.i32(taps))),
    asm.when(
      asm.op('i32.lt_s', origin.get, asm.i32(0)),
      asm.seq(
        skipped.set(ceilDiv(sub(asm.i32(0), origin.get))),
        count.set(sub(count.get, skipped.get)),
        origin.set(
          asm.op('i32.add', origin.get, asm.op('i32.mul', skipped.get, asm.i32(dilation))),
        ),
      ),
    ),
  );
  return { clip, origin, count };
}

/** Vectors that walk through a window together: a line of the cache. */
const heldVectors = 4;

/** Code that combines a total, which is in a local, with another element. */
type Combine = (asm: Assembler, total: Local, element: Local) => Expr;

/** A pool that combines a window's elements, starting from one value. */
const pool = (op: OpName, combine: Combine, first: number): Kernel => ({
  name: `${op}-nhwc`,
  accepts: ({ inputs: [x] }) => x?.type.dtype === 'f32',
  wish: () => ({ unitAxis: 1 }),
  order: () => channelsLast(4),

  lower({ node, input, output, emit }) {
    const { kernel, stride, dilation, pads } = node.attrs as AttrsOf<'maxPool'>; // its op says so
    const x = input(0);
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const [, , h, w] = x.shape as [number, number, number, number];
    const bytes = (strides: readonly number[]) =>
      strides.map((s) => 4 * s) as [number, number, number, number];
    const [fromImage, , fromRow, fromColumn] = bytes(x.strides);
    const [toImage, , toRow, toColumn] = bytes(output.strides);

    emit.call({
      label: `${op} ${node.name}`,
      args: [output.address, x.address],
      write(asm, to, from) {
        const [row, column] = [asm.i32Local(), asm.i32Local()];
        const down = { size: h, taps: kernel[0], stride: stride[0], dilation: dilation[0] };
        const across = { size: w, taps: kernel[1], stride: stride[1], dilation: dilation[1] };
        const r = clipAxis(asm, row, { ...down, pad: pads[0] });
        const s = clipAxis(asm, column, { ...across, pad: pads[1] });
        const [base, pointer, target] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
        const [rowLeft, left] = [asm.i32Local(), asm.i32Local()];
        const jump = asm.i32Local();
        const totals = Array.from({ length: heldVectors }, () => asm.v128Local());
        const element = asm.v128Local();
        /** Statement: the body as often as `count` says; at least once is known. */
        const times = (counter: Local, count: Local, rounds: number, body: Expr) =>
          asm.seq(
            counter.set(count.get),
            asm.loop(
              (again) =>
                asm.seq(
                  body,
                  asm.branchIf(again, counter.tee(asm.op('i32.sub', counter.get, asm.i32(1)))),
                ),
              rounds,
            ),
          );
        const window = (held: readonly Local[]) =>
          asm.seq(
            ...held.map((total) => total.set(asm.f32x4(first))),
            asm.when(
              asm.op(
                'i32.and',
                asm.op('i32.gt_s', r.count.get, asm.i32(0)),
                asm.op('i32.gt_s', s.count.get, asm.i32(0)),
              ),
              asm.seq(
                pointer.set(base.get),
                times(
                  rowLeft,
                  r.count,
                  kernel[0],
                  asm.seq(
                    times(
                      left,
                      s.count,
                      kernel[1],
                      asm.seq(
                        ...held.map((total, v) =>
                          asm.seq(
                            element.set(asm.load('v128.load', pointer.get, 16 * v)),
                            total.set(combine(asm, total, element)),
                          ),
                        ),
                        pointer.advance(fromColumn * dilation[1]),
                      ),
                    ),
                    pointer.advance(jump.get),
                  ),
                ),
              ),
            ),
          );
        const group = 4 * heldVectors;
        const rest = c % group;
        /** The last of few channels are read with what lies behind them. */
        const remaining = totals.slice(0, Math.ceil(rest / 4));
        const store = (held: readonly Local[], channels: number) =>
          held.map((total, v) =>
            storeLanes(
              asm,
              v === 0 ? target.get : asm.op('i32.add', target.get, asm.i32(16 * v)),
              total,
              Math.min(4, channels - 4 * v),
            ),
          );
        const pixel = asm.seq(
          s.clip,
          base.set(
            asm.op(
              'i32.add',
              from!.get,
              asm.op(
                'i32.add',
                asm.op('i32.mul', r.origin.get, asm.i32(fromRow)),
                asm.op('i32.mul', s.origin.get, asm.i32(fromColumn)),
              ),
            ),
          ),
          jump.set(
            asm.op(
              'i32.sub',
              asm.i32(fromRow * dilation[0]),
              asm.op('i32.mul', s.count.get, asm.i32(fromColumn * dilation[1])),
            ),
          ),
          target.set(to!.get),
          nest(
            asm,
            [{ extent: (c - rest) / group, steps: [4 * group, 4 * group] }],
            [target, base],
            asm.seq(window(totals), ...store(totals, group)),
          ),
          rest > 0 ? asm.seq(window(remaining), ...store(remaining, rest)) : asm.seq(),
        );
        const line = asm.seq(
          r.clip,
          asm.range(column, 0, columns, 1, asm.seq(pixel, to!.advance(toColumn))),
          to!.advance(-columns * toColumn),
        );
        const image = asm.seq(
          asm.range(row, 0, rows, 1, asm.seq(line, to!.advance(toRow))),
          to!.advance(-rows * toRow),
        );
        return nest(asm, [{ extent: n, steps: [toImage, fromImage] }], [to!, from!], image);
      },
    });
  },
});

/**
 * The greater of two, NaN if either is, in three instructions where `max` is many: `pmax` gives its first
 * operand if one is NaN, in both orders that is NaN once, and NaN with any other bits is still NaN.
 */
const greatest: Combine = (asm, total, element) =>
  asm.op(
    'v128.or',
    asm.op('f32x4.pmax', total.get, element.get),
    asm.op('f32x4.pmax', element.get, total.get),
  );

/** The greatest element of each window. */
export const maxPool: Kernel = pool('maxPool', greatest, Number.NEGATIVE_INFINITY);

/** The sum of each window. */
export const sumPool: Kernel = pool(
  'sumPool',
  (asm, total, element) => asm.op('f32x4.add', total.get, element.get),
  0,
);
