// Picks slices by index, each copied as a block.

import type { AttrsOf } from '@espalier/ir';
import { rowMajor } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import { loopsOf, nest } from '../walk.ts';

/** Copies the slice that each index names; indices beyond the axis read its nearest end. */
export const gather: Kernel = {
  name: 'gather',
  order: (node) => rowMajor(node.type.shape.length),

  lower({ node, input, output, emit }) {
    const { axis } = node.attrs as AttrsOf<'gather'>; // its op says so
    const [x, indices] = [input(0), input(1)];
    const rank = indices.shape.length;
    // Axes of the result: those before, those of the indices, those after.
    const split = <T>(list: readonly T[], count: number): readonly [T[], T[], T[]] => [
      list.slice(0, axis),
      list.slice(axis, axis + count),
      list.slice(axis + count),
    ];
    const [before, picked, after] = split(output.shape, rank);
    const [outBefore, outPicked, outAfter] = split(output.strides, rank);
    const [inBefore, [stride], inAfter] = split(x.strides, 1);
    const outerLoops = loopsOf(before, [outBefore, inBefore]);
    const indexLoops = loopsOf(picked, [outPicked, indices.strides]);
    const blockLoops = loopsOf(after, [outAfter, inAfter]);
    const last = x.shape[axis]! - 1;
    const inner = blockLoops.at(-1);
    const runs = inner?.steps.every((step) => step === 4) === true;

    emit.call({
      label: `gather ${node.name}`,
      args: [output.address, x.address, indices.address],
      write(asm, to, from, table) {
        const [target, source, at, index] = [0, 0, 0, 0].map(() => asm.i32Local());
        const clamped = asm.seq(
          index!.set(asm.load('i32.load', at!.get)),
          asm.when(
            asm.op('i32.lt_s', index!.get, asm.i32(0)),
            index!.set(asm.i32(0)),
            asm.when(asm.op('i32.gt_s', index!.get, asm.i32(last)), index!.set(asm.i32(last))),
          ),
        );
        const to2 = asm.i32Local();
        const block = nest(
          asm,
          runs ? blockLoops.slice(0, -1) : blockLoops,
          [to2, source!],
          runs
            ? asm.copy(to2.get, source!.get, asm.i32(4 * inner.extent))
            : asm.store('i32.store', to2.get, asm.load('i32.load', source!.get)),
        );
        const pick = asm.seq(
          clamped,
          to2.set(target!.get),
          source!.set(
            asm.op('i32.add', from!.get, asm.op('i32.mul', index!.get, asm.i32(4 * stride!))),
          ),
          block,
        );
        return nest(
          asm,
          outerLoops,
          [to!, from!],
          asm.seq(
            target!.set(to!.get),
            at!.set(table!.get),
            nest(asm, indexLoops, [target!, at!], pick),
          ),
        );
      },
    });
  },
};
