// Elementwise expressions over any strides, four elements at a time.

import { type AttrsOf, type Scalar, splitInputs } from '@espalier/ir';
import { broadcast } from '../../../plan/strides.ts';
import type { View } from '../../../plan/view.ts';
import type { Emitter, Kernel } from '../kernel.ts';
import { emitScalar } from '../scalar.ts';
import { loadFour, loopsOf, nest, storeLanes } from '../walk.ts';

/**
 * Adds a step that writes an expression of operands, views of the result's shape. The result may lie
 * where an operand does.
 */
export function emitMap(
  emit: Emitter,
  expr: Scalar,
  operands: readonly View[],
  output: View,
  label: string,
): void {
  const loops = loopsOf(
    output.shape,
    [output, ...operands].map(({ strides }) => strides),
  );
  const inner = loops.at(-1) ?? { extent: 1, steps: [4, ...operands.map(() => 0)] };
  const [outStep, ...steps] = inner.steps;
  const tail = inner.extent % 4;

  emit.call({
    label,
    kernel: 'map',
    args: [output, ...operands].map(({ address }) => address),
    write(asm, to, ...from) {
      const result = asm.v128Local();
      const four = (lanes: number) => {
        const args = from.map((pointer, i) => ({
          value: loadFour(asm, pointer.get, steps[i]!, lanes),
          dtype: operands[i]!.dtype,
        }));
        return asm.seq(
          result.set(emitScalar(asm, expr, args)),
          storeLanes(asm, to!.get, result, lanes, outStep),
        );
      };
      const vectors = (inner.extent - tail) / 4;
      const advance = [to!, ...from].map((pointer, i) => pointer.advance(4 * inner.steps[i]!));
      const rewind = [to!, ...from].map((pointer, i) =>
        pointer.advance(-4 * vectors * inner.steps[i]!),
      );
      const row = asm.seq(
        asm.range(asm.i32Local(), 0, vectors, 1, asm.seq(four(4), ...advance)),
        tail > 0 ? four(tail) : asm.seq(),
        ...(loops.length > 1 && vectors > 0 ? rewind : []),
      );
      return nest(asm, loops.slice(0, -1), [to!, ...from], row);
    },
  });
}

/** Applies a scalar expression to operands that broadcast to the result. */
export const map: Kernel = {
  name: 'map',

  lower({ node, input, output, emit }) {
    const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
    const operands = splitInputs(node).own.map((_, i) => broadcast(input(i), output.shape));
    emitMap(emit, expr, operands, output, `map ${node.name}`);
  },
};
