// Layer normalisation: mean, variance, application; three passes over each row.

import { type AttrsOf, elementCount } from '@espalier/ir';
import { rowMajor } from '../../../plan/view.ts';
import type { Expr } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { foldLanes, nest, storeLanes } from '../walk.ts';

/** Normalises over trailing axes, of dense row-major operands. */
export const layerNorm: Kernel = {
  name: 'layer-norm',
  writesDense: true,
  wish: (node, index) => ({ dense: rowMajor(node.inputs[index]!.type.shape.length) }),
  order: (node) => rowMajor(node.type.shape.length),

  lower({ node, input, output, emit }) {
    const { axis, epsilon } = node.attrs as AttrsOf<'layerNorm'>; // its op says so
    const { shape } = output;
    const extent = elementCount(shape.slice(axis));
    const rows = elementCount(shape.slice(0, axis));
    const tail = extent % 4;
    const whole = extent - tail;

    emit.call({
      label: `layer norm ${node.name}`,
      args: [output.address, ...[0, 1, 2].map((i) => input(i).address)],
      write(asm, to, from, scale, bias) {
        const [mean, total, value] = [asm.v128Local(), asm.v128Local(), asm.v128Local()];
        const at = asm.i32Local();
        const place = (pointer: typeof to) => asm.op('i32.add', pointer!.get, at.get);
        const atEnd = (pointer: typeof to) => asm.op('i32.add', pointer!.get, asm.i32(4 * whole));
        const each = (body: Expr) => asm.range(at, 0, 4 * whole, 16, body);
        const add = (a: Expr, b: Expr) => asm.op('f32x4.add', a, b);
        const rest = (filler: Expr): Expr => {
          let vector = filler;
          for (let lane = 0; lane < tail; lane++)
            vector = asm.loadLane('v128.load32_lane', from!.get, vector, lane, 4 * (whole + lane));
          return vector;
        };
        const addSquare = asm.seq(
          value.set(asm.op('f32x4.sub', value.get, mean.get)),
          total.set(add(total.get, asm.op('f32x4.mul', value.get, value.get))),
        );
        const average = asm.seq(
          total.set(foldLanes(asm, total, add)),
          total.set(asm.op('f32x4.mul', total.get, asm.f32x4(1 / extent))),
        );
        const apply = (x: Expr, s: Expr, b: Expr) =>
          value.set(
            add(
              asm.op(
                'f32x4.mul',
                asm.op('f32x4.mul', asm.op('f32x4.sub', x, mean.get), total.get),
                s,
              ),
              b,
            ),
          );
        const load = (address: Expr) => asm.load('v128.load', address);
        const row = asm.seq(
          total.set(asm.f32x4(0)),
          each(total.set(add(total.get, load(place(from))))),
          tail > 0 ? total.set(add(total.get, rest(asm.f32x4(0)))) : asm.seq(),
          average,
          mean.set(total.get),
          total.set(asm.f32x4(0)),
          each(asm.seq(value.set(load(place(from))), addSquare)),
          // Lanes past the end hold the mean: their deviation is 0.
          tail > 0 ? asm.seq(value.set(rest(mean.get)), addSquare) : asm.seq(),
          average,
          total.set(
            asm.op(
              'f32x4.div',
              asm.f32x4(1),
              asm.op('f32x4.sqrt', add(total.get, asm.f32x4(epsilon))),
            ),
          ),
          each(
            asm.seq(
              apply(load(place(from)), load(place(scale)), load(place(bias))),
              asm.store('v128.store', place(to), value.get),
            ),
          ),
          tail > 0
            ? asm.seq(
                apply(load(atEnd(from)), load(atEnd(scale)), load(atEnd(bias))),
                storeLanes(asm, atEnd(to), value, tail),
              )
            : asm.seq(),
        );
        const steps = [4 * extent, 4 * extent];
        return nest(asm, [{ extent: rows, steps }], [to!, from!], row);
      },
    });
  },
};
