// Margins of a constant: the result is filled, and the operand copied into its middle.

import type { AttrsOf } from '@espalier/ir';
import { sliced } from '../../../plan/strides.ts';
import { elementBytes } from '../../../plan/view.ts';
import type { Kernel } from '../kernel.ts';
import { loopsOf, nest } from '../walk.ts';
import { emitCopy } from './copy.ts';

/** Fills and copies. */
export const pad: Kernel = {
  name: 'pad',

  lower({ node, input, output, emit }) {
    const { before, value } = node.attrs as AttrsOf<'pad'>; // its op says so
    const size = elementBytes(output.dtype);
    const loops = loopsOf(output.shape, [output.strides], [size]);
    const inner = loops.at(-1) ?? { extent: 1, steps: [size] };
    const vectors =
      size === 4 && inner.steps[0] === 4 ? (inner.extent - (inner.extent % 4)) / 4 : 0;
    emit.call({
      label: `fill ${node.name}`,
      args: [output.address],
      write(asm, to) {
        const vector = output.dtype === 'f32' ? asm.f32x4(value) : asm.i32x4(Math.trunc(value));
        const word = output.dtype === 'f32' ? asm.f32(value) : asm.i32(Math.trunc(value));
        const integer = size === 1 ? 'i32.store8' : 'i32.store';
        const name = output.dtype === 'f32' ? 'f32.store' : integer;
        const left = { extent: inner.extent - 4 * vectors, steps: inner.steps };
        const row = asm.seq(
          nest(
            asm,
            [{ extent: vectors, steps: [16] }],
            [to!],
            asm.store('v128.store', to!.get, vector),
          ),
          nest(asm, [left], [to!], asm.store(name, to!.get, word)),
          to!.advance(-inner.extent * inner.steps[0]!),
        );
        return nest(asm, loops.slice(0, -1), [to!], row);
      },
    });
    const middle = sliced(
      output,
      before,
      node.inputs[0]!.type.shape,
      before.map(() => 1),
    );
    emitCopy(emit, input(0), middle, `pad ${node.name}`);
  },
};
