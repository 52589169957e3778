// Depthwise convolution over planes (CHW): lanes along a row, a few rows of outputs at a time, so that
// each row of inputs is loaded once for all of them.
//
//   for each plane, for each four columns, for each few rows of outputs
//     for each row of inputs                       (one basic block a row: old engines load it all first)
//       load its vectors, one a column of the window
//       sums of every output row that sees it += vector · weight

import { type AttrsOf, assert } from '@espalier/ir';
import { type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Assembler, Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { emitScalar, lengthOf } from '../scalar.ts';
import { type Loop, loadFour, nest, storeLanes } from '../walk.ts';
import { depthwise } from './depthwise.ts';
import { isConstant } from './pack.ts';

/** Rows of outputs whose sums are held. */
const heldRows = (windowRows: number): number => (windowRows <= 3 ? 4 : 3);

/** With more weights than this some wait in memory, and each use is a load that the tally does not know. */
const mostHeldWeights = 9;

/** One output channel for each input channel, with constant weights, stride 1 or 2 along a row. */
export const depthwisePlanes: Kernel = {
  name: 'depthwise-planes',

  accepts(node) {
    const { stride } = node.attrs as AttrsOf<'conv'>; // its op says so
    return depthwise.accepts!(node) && stride[1] <= 2 && isConstant(node, 1) && isConstant(node, 2);
  },
  reads: () => [0],
  wish: (node) => ({ unitAxis: 3, halo: (node.attrs as AttrsOf<'conv'>).pads satisfies Halo }),
  order: () => rowMajor(4),

  lower({ node, input, output, extras, epilogue, emit }) {
    const { stride, dilation, pads } = node.attrs as AttrsOf<'conv'>; // its op says so
    const x = input(0);
    const [, w, bias] = node.inputs;
    assert(w?.kind === 'constant' && bias?.kind === 'constant', 'it accepts constants only');
    const [, , r, s] = w.type.shape as [number, number, number, number];
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const views = [x, output, ...extras];
    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    const along = (axis: number) => views.map(({ strides }) => 4 * strides[axis]!);
    const planes: readonly Loop[] = [
      { extent: n, steps: [...along(0), 0, 0] },
      { extent: c, steps: [...along(1), 4 * r * s, 4] },
    ];
    // The weights begin anew for each image.
    const images = planes[0]!;
    const channels = planes[1]!;
    const pixelSteps = [4 * stride[1], ...along(3).slice(1)];
    const rowSteps = along(2).map((step, i) => (i === 0 ? step * stride[0] : step));
    const xRow = 4 * x.strides[2]!;

    emit.call({
      kernel: r * s > mostHeldWeights ? 'depthwise-planes-wide' : 'depthwise-planes',
      label: `depthwise ${r}×${s} planes ${node.name}`,
      args: [
        moved(x.address, -4 * back),
        output.address,
        ...extras.map(({ address }) => address),
        emit.constant(w.value.data, w.name),
        emit.constant(bias.value.data, bias.name),
      ],
      write(asm, ...pointers) {
        const moving = pointers.slice(0, views.length);
        const [weightAt, biasAt] = pointers.slice(views.length) as [Local, Local];
        const weights = Array.from({ length: r * s }, () => asm.v128Local());
        const start = asm.v128Local();
        const held = heldRows(r);
        const sums = Array.from({ length: held }, () => asm.v128Local());
        const window = Array.from({ length: s }, () => asm.v128Local());
        const strip = moving.map(() => asm.i32Local());
        const heads = moving.map(() => asm.i32Local());
        const line = asm.i32Local();

        const loadWindow = window.map((vector, column) =>
          vector.set(loadColumns(asm, line, 4 * column * dilation[1], stride[1])),
        );
        /** `count` rows of outputs, the first `lanes` of four columns. */
        const block = (count: number, lanes: number): Expr => {
          const inputRows = (count - 1) * stride[0] + (r - 1) * dilation[0] + 1;
          return asm.block((exit) =>
            asm.seq(
              ...sums.slice(0, count).map((sum) => sum.set(start.get)),
              line.set(heads[0]!.get),
              ...Array.from({ length: inputRows }, (_, row) => {
                const uses = sums.slice(0, count).flatMap((sum, output) => {
                  const tap = (row - output * stride[0]) / dilation[0];
                  return Number.isInteger(tap) && tap >= 0 && tap < r ? [{ sum, tap }] : [];
                });
                if (uses.length === 0) return line.advance(xRow);
                return asm.seq(
                  ...loadWindow,
                  ...window.flatMap((vector, column) =>
                    uses.map(({ sum, tap }) =>
                      asm.madd(sum, vector.get, weights[tap * s + column]!.get),
                    ),
                  ),
                  line.advance(xRow),
                  // Never true, and the compiler cannot know: it ends the basic block.
                  asm.branchIf(exit, asm.op('i32.eq', line.get, asm.i32(-1 - row))),
                );
              }),
              ...sums.slice(0, count).map((sum, output) => {
                const place = (i: number): Expr =>
                  asm.op('i32.add', heads[i]!.get, asm.i32(output * rowSteps[i]!));
                const value =
                  epilogue &&
                  emitScalar(asm, epilogue, [
                    { value: sum.get, dtype: 'f32' },
                    ...extras.map(({ dtype }, i) => ({
                      value: loadFour(asm, place(i + 2), pixelSteps[i + 2]!, lanes),
                      dtype,
                    })),
                  ]);
                return asm.seq(
                  epilogue && value ? asm.epilogue(lengthOf(epilogue), sum.set(value)) : asm.seq(),
                  storeLanes(asm, place(1), sum, lanes),
                );
              }),
            ),
          );
        };
        const overRows = (lanes: number): Expr => {
          const [whole, rest] = [Math.floor(rows / held), rows % held];
          const steps = rowSteps.map((step) => step * held);
          return asm.seq(
            ...heads.map((head, i) => head.set(strip[i]!.get)),
            nest(asm, [{ extent: whole, steps }], heads, block(held, lanes)),
            rest > 0 ? block(rest, lanes) : asm.seq(),
          );
        };
        const [wholeStrips, lastLanes] = [Math.floor(columns / 4), columns % 4];
        const plane = asm.seq(
          ...weights.map((weight, tap) =>
            weight.set(asm.load('v128.load32_splat', weightAt.get, 4 * tap)),
          ),
          start.set(asm.load('v128.load32_splat', biasAt.get)),
          ...strip.map((pointer, i) => pointer.set(moving[i]!.get)),
          nest(
            asm,
            [{ extent: wholeStrips, steps: pixelSteps.map((step) => 4 * step) }],
            strip,
            overRows(4),
          ),
          lastLanes > 0 ? overRows(lastLanes) : asm.seq(),
        );
        return nest(asm, n === 1 ? [channels] : [images, channels], pointers, plane);
      },
    });
  },
};

/** Value: four inputs, `stride` apart, from some bytes behind a pointer. */
function loadColumns(asm: Assembler, line: Local, bytes: number, stride: number): Expr {
  const first = asm.load('v128.load', line.get, bytes);
  if (stride === 1) return first;
  return asm.shuffle32(first, asm.load('v128.load', line.get, bytes + 16), [0, 2, 4, 6]);
}
