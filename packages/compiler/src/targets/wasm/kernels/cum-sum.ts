// Running sums: lanes run along the innermost of the axes that are not summed.

import type { AttrsOf } from '@espalier/ir';
import type { Expr } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

/** Keeps the sum in a register, and writes it before or after each element is added. */
export const cumSum: Kernel = {
  name: 'cumSum',

  lower({ node, input, output, emit }) {
    const { axis, exclusive, reverse } = node.attrs as AttrsOf<'cumSum'>; // its op says so
    const x = input(0);
    const kept = x.shape.map((_, a) => a).filter((a) => a !== axis);
    const loops = loopsOf(
      kept.map((a) => x.shape[a]!),
      [output, x].map(({ strides }) => kept.map((a) => strides[a]!)),
    );
    const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
    const [outStep, inStep] = inner.steps as readonly [number, number];
    const tail = inner.extent % 4;
    const vectors = (inner.extent - tail) / 4;
    const size = x.shape[axis]!;
    const strides = [output, x].map((view) => 4 * view.strides[axis]!);
    const steps = strides.map((stride) => (reverse ? -stride : stride));
    const starts = strides.map((stride) => (reverse ? (size - 1) * stride : 0));
    const add = x.dtype === 'f32' ? 'f32x4.add' : 'i32x4.add';

    emit.call({
      label: `cumSum ${node.name}`,
      args: [output.address, x.address],
      write(asm, to, from) {
        const [target, source] = [asm.i32Local(), asm.i32Local()];
        const sum = asm.v128Local();
        const group = (lanes: number): Expr => {
          const next = sum.set(asm.op(add, sum.get, loadFour(asm, source.get, inStep, lanes)));
          const store = storeLanes(asm, target.get, sum, lanes, outStep);
          return asm.seq(
            target.set(asm.op('i32.add', to!.get, asm.i32(starts[0]!))),
            source.set(asm.op('i32.add', from!.get, asm.i32(starts[1]!))),
            sum.set(asm.i32x4(0)),
            nest(
              asm,
              [{ extent: size, steps }],
              [target, source],
              exclusive ? asm.seq(store, next) : asm.seq(next, store),
            ),
          );
        };
        const row = asm.seq(
          nest(
            asm,
            [{ extent: vectors, steps: [4 * outStep, 4 * inStep] }],
            [to!, from!],
            group(4),
          ),
          tail > 0 ? group(tail) : asm.seq(),
          to!.advance(-4 * vectors * outStep),
          from!.advance(-4 * vectors * inStep),
        );
        return nest(asm, loops.slice(0, -1), [to!, from!], row);
      },
    });
  },
};
