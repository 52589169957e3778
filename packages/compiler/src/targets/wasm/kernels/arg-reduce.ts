// The place of the extreme along an axis: lanes run along the innermost of the other axes.

import type { AttrsOf } from '@espalier/ir';
import type { Expr } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

/** Keeps the best element and its index in registers. */
export const argReduce: Kernel = {
  name: 'argReduce',

  lower({ node, input, output, emit }) {
    const { kind, axis, keepDims, pick } = node.attrs as AttrsOf<'argReduce'>; // its op says so
    const x = input(0);
    const kept = x.shape.map((_, a) => a).filter((a) => a !== axis);
    const loops = loopsOf(
      kept.map((a) => x.shape[a]!),
      [kept.map((a, i) => output.strides[keepDims ? a : i]!), kept.map((a) => x.strides[a]!)],
    );
    const inner = loops.at(-1) ?? { extent: 1, steps: [4, 4] };
    const [outStep, inStep] = inner.steps as readonly [number, number];
    const tail = inner.extent % 4;
    const vectors = (inner.extent - tail) / 4;
    const along = { extent: x.shape[axis]!, steps: [4 * x.strides[axis]!] };
    const better = { max: ['gt', 'ge'], min: ['lt', 'le'] } as const;
    const comparison = better[kind][pick === 'first' ? 0 : 1];
    const compare =
      x.dtype === 'f32'
        ? (`f32x4.${comparison}` as const)
        : (`i32x4.${comparison}${'_s'}` as const);

    emit.call({
      label: `arg${kind} ${node.name}`,
      args: [output.address, x.address],
      write(asm, to, from) {
        const pointer = asm.i32Local();
        const [value, best, index, place, mask] = Array.from({ length: 5 }, () => asm.v128Local());
        const chosen = (one: Expr, other: Expr) => asm.op('v128.bitselect', one, other, mask!.get);
        const group = (lanes: number): Expr => {
          const load = loadFour(asm, pointer.get, inStep, lanes);
          return asm.seq(
            pointer.set(from!.get),
            best!.set(load),
            index!.set(asm.i32x4(0)),
            place!.set(asm.i32x4(0)),
            nest(
              asm,
              [along],
              [pointer],
              asm.seq(
                value!.set(load),
                mask!.set(asm.op(compare, value!.get, best!.get)),
                best!.set(chosen(value!.get, best!.get)),
                place!.set(chosen(index!.get, place!.get)),
                index!.set(asm.op('i32x4.add', index!.get, asm.i32x4(1))),
              ),
            ),
            storeLanes(asm, to!.get, place!, lanes, outStep),
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
