// Weighted sums along one axis by a table: every way of resizing, one axis at a time.

import type { AttrsOf, OpNode } from '@espalier/ir';
import { channelsLast, type Order, rowMajor } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

/** With lanes along another axis than the resampled one, every load is a vector. */
function order(node: OpNode): Order {
  const { axis } = node.attrs as AttrsOf<'resample'>; // its op says so
  const rank = node.type.shape.length;
  return rank === 4 && axis >= 2 ? channelsLast(4) : rowMajor(rank);
}

/** Taps of this number and below are kept in locals for a whole row. */
const heldTaps = 4;

/** Applies a table of indices and weights along an axis. */
export const resample: Kernel = {
  name: 'resample',
  order,

  wish(node, index) {
    if (index > 0) return { dense: rowMajor(2) };
    return { unitAxis: order(node).at(-1)! };
  },

  lower({ node, input, output, emit }) {
    const { axis } = node.attrs as AttrsOf<'resample'>; // its op says so
    const [x, indices, weights] = [input(0), input(1), input(2)];
    const [out, taps] = indices.shape as [number, number];
    const without = <T>(list: readonly T[]) => list.filter((_, a) => a !== axis);
    const loops = loopsOf(without(output.shape), [without(output.strides), without(x.strides)]);
    const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
    const [toLane, fromLane] = inner.steps as readonly [number, number];
    const tail = inner.extent % 4;
    const whole = (inner.extent - tail) / 4;
    const stride = 4 * x.strides[axis]!;
    const last = x.shape[axis]! - 1;
    const table = node.inputs[2];
    const copies =
      taps === 1 && table?.kind === 'constant' && table.value.data.every((weight) => weight === 1);

    emit.call({
      label: `resample ${node.name}`,
      args: [output, x, indices, weights].map(({ address }) => address),
      write(asm, to, from, indexTable, weightTable) {
        const [target, index, weightAt] = [asm.i32Local(), asm.i32Local(), asm.i32Local()];
        const total = asm.v128Local();
        /** Statement: `pointer` to the slice that the tap reads. */
        const pointTo = (pointer: Local, tap: number): Expr =>
          asm.seq(
            pointer.set(asm.load('i32.load', index.get, 4 * tap)),
            asm.when(asm.op('i32.lt_s', pointer.get, asm.i32(0)), pointer.set(asm.i32(0))),
            asm.when(asm.op('i32.gt_s', pointer.get, asm.i32(last)), pointer.set(asm.i32(last))),
            pointer.set(
              asm.op('i32.add', from!.get, asm.op('i32.mul', pointer.get, asm.i32(stride))),
            ),
          );
        const slice =
          taps <= heldTaps
            ? heldSlice(asm, taps, pointTo, { target, weightAt, total })
            : loopedSlice(asm, taps, pointTo, { target, index, weightAt, total });

        function heldSlice(
          asm: Assembler,
          count: number,
          point: typeof pointTo,
          at: { readonly target: Local; readonly weightAt: Local; readonly total: Local },
        ): Expr {
          const pointers = Array.from({ length: count }, () => asm.i32Local());
          const factors = Array.from({ length: count }, () => asm.v128Local());
          const sum = (lanes: number): Expr => {
            const terms = pointers.map((pointer, tap) => {
              const value = loadFour(asm, pointer.get, fromLane, lanes);
              return copies ? value : asm.op('f32x4.mul', value, factors[tap]!.get);
            });
            return terms.reduce((a, b) => asm.op('f32x4.add', a, b));
          };
          const group = (lanes: number) =>
            asm.seq(
              at.total.set(sum(lanes)),
              storeLanes(asm, at.target.get, at.total, lanes, toLane),
            );
          return asm.seq(
            ...pointers.map((pointer, tap) => point(pointer, tap)),
            ...(copies
              ? []
              : factors.map((factor, tap) =>
                  factor.set(asm.load('v128.load32_splat', at.weightAt.get, 4 * tap)),
                )),
            nest(
              asm,
              [{ extent: whole, steps: [4 * toLane, ...pointers.map(() => 4 * fromLane)] }],
              [at.target, ...pointers],
              group(4),
            ),
            tail > 0 ? group(tail) : asm.seq(),
          );
        }

        function loopedSlice(
          asm: Assembler,
          count: number,
          point: typeof pointTo,
          at: {
            readonly target: Local;
            readonly index: Local;
            readonly weightAt: Local;
            readonly total: Local;
          },
        ): Expr {
          const [pointer, offset] = [asm.i32Local(), asm.i32Local()];
          const group = (lanes: number) =>
            asm.seq(
              at.total.set(asm.f32x4(0)),
              nest(
                asm,
                [{ extent: count, steps: [4, 4] }],
                [at.index, at.weightAt],
                asm.seq(
                  point(pointer, 0),
                  pointer.advance(offset.get),
                  asm.madd(
                    at.total,
                    loadFour(asm, pointer.get, fromLane, lanes),
                    asm.load('v128.load32_splat', at.weightAt.get),
                  ),
                ),
              ),
              at.index.advance(-4 * count),
              at.weightAt.advance(-4 * count),
              storeLanes(asm, at.target.get, at.total, lanes, toLane),
            );
          return asm.seq(
            offset.set(asm.i32(0)),
            nest(
              asm,
              [{ extent: whole, steps: [4 * toLane, 4 * fromLane] }],
              [at.target, offset],
              group(4),
            ),
            tail > 0 ? group(tail) : asm.seq(),
          );
        }

        const row = asm.i32Local();
        const along = asm.seq(
          index.set(indexTable!.get),
          weightAt.set(weightTable!.get),
          row.set(to!.get),
          nest(
            asm,
            [{ extent: out, steps: [4 * output.strides[axis]!, 4 * taps, 4 * taps] }],
            [row, index, weightAt],
            asm.seq(target.set(row.get), slice),
          ),
        );
        return nest(asm, loops.slice(0, -1), [to!, from!], along);
      },
    });
  },
};
