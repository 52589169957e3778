// Elementwise expressions that read or give codes, four elements at a time.

import type { Scalar } from '@espalier/ir';
import { elementBytes, type View } from '../../../plan/view.ts';
import { loadCodes, storeCodes } from '../codes.ts';
import type { Emitter } from '../kernel.ts';
import { emitScalar } from '../scalar.ts';
import { loadFour, loopsOf, nest, shortOutside, storeLanes } from '../walk.ts';

/**
 * Adds a step that writes an expression of operands, views of the result's shape; any of them may be codes.
 */
export function emitCodeMap(
  emit: Emitter,
  expr: Scalar,
  operands: readonly View[],
  output: View,
  label: string,
): void {
  const loops = shortOutside(
    loopsOf(
      output.shape,
      [output, ...operands].map(({ strides }) => strides),
      [output, ...operands].map(({ dtype }) => elementBytes(dtype)),
    ),
  );
  const inner = loops.at(-1) ?? {
    extent: 1,
    steps: [elementBytes(output.dtype), ...operands.map(() => 0)],
  };
  const [outStep, ...steps] = inner.steps as [number, ...number[]];
  const tail = inner.extent % 4;

  emit.call({
    label,
    kernel: 'map',
    args: [output, ...operands].map(({ address }) => address),
    write(asm, to, ...from) {
      const result = asm.v128Local();
      const four = (lanes: number) => {
        const args = from.map((pointer, i) => {
          const { dtype } = operands[i]!;
          const load = dtype === 'u8' ? loadCodes : loadFour;
          return { value: load(asm, pointer.get, steps[i]!, lanes), dtype };
        });
        return asm.seq(
          result.set(emitScalar(asm, expr, args)),
          output.dtype === 'u8'
            ? storeCodes(asm, to!, [result], lanes, { step: outStep })
            : storeLanes(asm, to!.get, result, lanes, outStep),
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
