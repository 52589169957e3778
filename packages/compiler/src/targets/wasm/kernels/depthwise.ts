// Depthwise convolution over NHWC: lanes along channels, a few pixels of a row at a time, so that their
// weights are loaded once.

import { type AttrsOf, type OpNode, splitInputs } from '@espalier/ir';
import { channelsLast, type Halo, moved } from '../../../plan/view.ts';
import type { Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { emitScalar, weightOf } from '../scalar.ts';
import { type Loop, nest, storeLanes } from '../walk.ts';
import { isConstant } from './pack.ts';
import { extraOf, loadExtra } from './tile.ts';

/** Sums held at a time: with a weight and an input they stay in registers. */
const heldPixels = 4;

/** Weights `[O, 1, R, S]` as `[O/4][R·S][4]`. */
function packed(node: OpNode): Float32Array {
  const w = node.inputs[1]!;
  if (w.kind !== 'constant') throw new Error('depthwise weights are constants');
  const [o, , r, s] = w.type.shape as [number, number, number, number];
  const taps = r * s;
  const data = new Float32Array(Math.ceil(o / 4) * taps * 4);
  for (let channel = 0; channel < o; channel++)
    for (let tap = 0; tap < taps; tap++)
      data[(Math.floor(channel / 4) * taps + tap) * 4 + (channel % 4)] =
        w.value.data[channel * taps + tap]!;
  return data;
}

/** One output channel for each input channel, with constant weights. */
export const depthwise: Kernel = {
  name: 'conv-depthwise',

  accepts(node) {
    const { groups } = node.attrs as AttrsOf<'conv'>; // its op says so
    const [, c] = node.inputs[0]!.type.shape;
    const [o, i] = node.inputs[1]!.type.shape;
    return groups === c && o === c && i === 1 && isConstant(node, 1) && isConstant(node, 2);
  },

  reads: () => [0],
  wish: (node) => ({
    unitAxis: 1,
    halo: (node.attrs as AttrsOf<'conv'>).pads satisfies Halo,
  }),
  order: () => channelsLast(4),

  lower({ node, input, output, extras, epilogue, emit }) {
    const { stride, dilation, pads } = node.attrs as AttrsOf<'conv'>; // its op says so
    const x = input(0);
    const [w, bias] = splitInputs(node).own.slice(1) as [OpNode['inputs'][number], typeof node];
    const [, , r, s] = w.type.shape as [number, number, number, number];
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const vectors = Math.ceil(c / 4);
    const layout = { blocks: vectors, rows: r * s, lanes: 4 };
    const weights = emit.constant(packed(node), w.name, layout);
    const biasNode = bias as OpNode['inputs'][number];
    if (biasNode.kind !== 'constant') throw new Error('a depthwise bias is a constant');
    const biasData = new Float32Array(4 * vectors);
    biasData.set(biasNode.value.data);
    const biases = emit.constant(biasData, biasNode.name);

    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    const bytes = (strides: readonly number[]) => strides.map((step) => 4 * step);
    const [xn, , xh, xw] = bytes(x.strides) as [number, number, number, number];
    const [yn, , yh, yw] = bytes(output.strides) as [number, number, number, number];
    const specs = extras.map(extraOf);
    const along = (axis: number) => extras.map(({ strides }) => 4 * strides[axis]!);
    const tail = c % 4 === 0 ? 4 : c % 4;

    emit.call({
      label: `depthwise ${r}×${s} ${node.name}`,
      args: [
        moved(x.address, -4 * back),
        weights,
        biases,
        output.address,
        ...extras.map(({ address }) => address),
      ],
      write(asm, ...pointers) {
        const [from, taps, start, to, ...own] = pointers as [
          Local,
          Local,
          Local,
          Local,
          ...Local[],
        ];
        const sums = Array.from({ length: heldPixels }, () => asm.v128Local());
        const weight = asm.v128Local();
        const [at, weightAt] = [asm.i32Local(), asm.i32Local()];
        const pixelStep = xw * stride[1];

        /** A few pixels of four channels. */
        const tile = (pixels: number, lanes: number): Expr => {
          const held = sums.slice(0, pixels);
          const column = asm.seq(
            weight.set(asm.load('v128.load', weightAt.get)),
            ...held.map((sum, pixel) =>
              asm.madd(sum, asm.load('v128.load', at.get, pixel * pixelStep), weight.get),
            ),
            weightAt.advance(16),
            at.advance(xw * dilation[1]),
          );
          const inline = !epilogue || weightOf(epilogue) <= 8;
          const finished = (sum: Local, pixel: number): Expr => {
            if (!epilogue) return asm.seq();
            const args = own.map((pointer, i) => ({
              value: loadExtra(asm, pointer, specs[i]!, pixel, 0, lanes),
              dtype: specs[i]!.dtype,
            }));
            return sum.set(emitScalar(asm, epilogue, [{ value: sum.get, dtype: 'f32' }, ...args]));
          };
          const stores = held.map((sum, pixel) =>
            asm.seq(inline ? finished(sum, pixel) : asm.seq(), storeAt(to, pixel * yw, sum, lanes)),
          );
          const later = inline
            ? []
            : [
                at.set(to.get),
                ...own.map((pointer, i) => laterPointers[i]!.set(pointer.get)),
                nest(
                  asm,
                  [{ extent: pixels, steps: [yw, ...specs.map((spec) => spec.pixelStep)] }],
                  [at, ...laterPointers],
                  asm.seq(
                    sums[0]!.set(asm.load('v128.load', at.get)),
                    sums[0]!.set(
                      emitScalar(asm, epilogue, [
                        { value: sums[0]!.get, dtype: 'f32' },
                        ...laterPointers.map((pointer, i) => ({
                          value: loadExtra(asm, pointer, specs[i]!, 0, 0, lanes),
                          dtype: specs[i]!.dtype,
                        })),
                      ]),
                    ),
                    storeAt(at, 0, sums[0]!, lanes),
                  ),
                ),
              ];
          return asm.seq(
            ...held.map((sum) => sum.set(asm.load('v128.load', start.get))),
            at.set(from.get),
            weightAt.set(taps.get),
            nest(
              asm,
              [{ extent: r, steps: [xh * dilation[0]] }],
              [at],
              asm.seq(
                nest(asm, [{ extent: s, steps: [] }], [], column),
                at.advance(-s * xw * dilation[1]),
              ),
            ),
            ...stores,
            ...later,
          );
        };
        const laterPointers = own.map(() => asm.i32Local());
        function storeAt(pointer: Local, offset: number, value: Local, lanes: number): Expr {
          if (lanes === 4) return asm.store('v128.store', pointer.get, value.get, offset);
          return storeLanes(asm, asm.op('i32.add', pointer.get, asm.i32(offset)), value, lanes);
        }

        const blockSteps = [16, 16 * r * s, 16, 16, ...specs.map(({ laneStep }) => 4 * laneStep)];
        const whole = tail === 4 ? vectors : vectors - 1;
        const overChannels = (pixels: number): Expr =>
          asm.seq(
            nest(asm, [{ extent: whole, steps: blockSteps }], pointers, tile(pixels, 4)),
            tail < 4 ? tile(pixels, tail) : asm.seq(),
            ...pointers.map((pointer, i) => pointer.advance(-whole * blockSteps[i]!)),
          );
        const pixelSteps = [pixelStep, 0, 0, yw, ...specs.map((spec) => spec.pixelStep)];
        const tiles = Math.ceil(columns / heldPixels);
        const small = Math.floor(columns / tiles);
        const larger = columns - small * tiles;
        const run = (pixels: number, count: number): Expr =>
          count === 0
            ? asm.seq()
            : nest(
                asm,
                [{ extent: count, steps: pixelSteps.map((step) => step * pixels) }],
                pointers,
                overChannels(pixels),
              );
        const line = asm.seq(
          run(small + 1, larger),
          run(small, tiles - larger),
          ...pointers.map((pointer, i) => pointer.advance(-columns * pixelSteps[i]!)),
        );
        const outer: Loop[] = [
          { extent: n, steps: [xn, 0, 0, yn, ...along(0)] },
          { extent: rows, steps: [xh * stride[0], 0, 0, yh, ...along(2)] },
        ];
        return nest(
          asm,
          outer.filter(({ extent }) => extent !== 1),
          pointers,
          line,
        );
      },
    });
  },
};
