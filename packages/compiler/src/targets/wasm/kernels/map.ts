// Elementwise expressions over any strides, four elements at a time.

import { type AttrsOf, type Scalar, splitInputs } from '@espalier/ir';
import { broadcast } from '../../../plan/strides.ts';
import { channelsLast, type View } from '../../../plan/view.ts';
import type { Expr } from '../assembler.ts';
import type { Emitter, Kernel } from '../kernel.ts';
import { emitScalars, vectorsTogether } from '../scalar.ts';
import { loadFour, loopsOf, nest, storeLanes } from '../walk.ts';
import { emitCodeMap } from './map-codes.ts';

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
      const together = vectorsTogether(asm, expr);
      const results = Array.from({ length: together }, () => asm.v128Local());
      const pointers = [to!, ...from];
      const argsAt = (bytes: (operand: number) => number, lanes: number) =>
        from.map((pointer, i) => ({
          value: loadFour(asm, asm.op('i32.add', pointer.get, asm.i32(bytes(i))), steps[i]!, lanes),
          dtype: operands[i]!.dtype,
        }));
      /** So many vectors next to each other; of the last, some lanes. */
      const some = (vectors: number, lanes: number): Expr => {
        const own = results.slice(0, vectors);
        return asm.seq(
          emitScalars(
            asm,
            expr,
            own.map((_, v) => argsAt((i) => 4 * v * steps[i]!, lanes)),
            own,
          ),
          ...own.map((result, v) =>
            storeLanes(
              asm,
              v ? asm.op('i32.add', to!.get, asm.i32(4 * v * outStep!)) : to!.get,
              result,
              lanes,
              outStep,
            ),
          ),
        );
      };
      const vectors = (inner.extent - tail) / 4;
      const [groups, single] = [Math.floor(vectors / together), vectors % together];
      const advance = (count: number) =>
        pointers.map((pointer, i) => pointer.advance(4 * count * inner.steps[i]!));
      const run = (count: number, size: number) =>
        asm.range(asm.i32Local(), 0, count, 1, asm.seq(some(size, 4), ...advance(size)));
      const row = asm.seq(
        run(groups, together),
        run(single, 1),
        tail > 0 ? some(1, tail) : asm.seq(),
        ...(loops.length > 1 && vectors > 0 ? advance(-vectors) : []),
      );
      return nest(asm, loops.slice(0, -1), [to!, ...from], row);
    },
  });
}

/** Applies a scalar expression to operands that broadcast to the result. */
export const map: Kernel = {
  name: 'map',
  // Kernels of codes want channels innermost.
  order: ({ type }) =>
    type.dtype === 'u8' && type.shape.length === 4 ? channelsLast(4) : undefined,

  lower({ node, input, output, emit }) {
    const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
    const operands = splitInputs(node).own.map((_, i) => broadcast(input(i), output.shape));
    const write = [output, ...operands].some(({ dtype }) => dtype === 'u8') ? emitCodeMap : emitMap;
    write(emit, expr, operands, output, `map ${node.name}`);
  },
};
