// Depthwise convolution over NHWC: lanes along channels, a few pixels of a row at a time, so that their
// weights and the columns which they share are loaded once.

import { type AttrsOf, assert, type Tensor } from '@espalier/ir';
import { channelsLast, type Halo, moved } from '../../../plan/view.ts';
import type { Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { type Loop, nest } from '../walk.ts';
import { createDepthwiseRow, depthwisePixels } from './depthwise-row.ts';
import { extraOf, finish } from './epilogue.ts';
import { isConstant } from './pack.ts';
import { inTiles } from './pixel-row.ts';

/** Weights `[O, 1, R, S]` as `[O/4][R·S][4]`. */
function packed({ type, data }: Tensor, blocks: number): Float32Array {
  const [o, , r, s] = type.shape as [number, number, number, number];
  const taps = r * s;
  const result = new Float32Array(blocks * taps * 4);
  for (let channel = 0; channel < o; channel++)
    for (let tap = 0; tap < taps; tap++)
      result[(Math.floor(channel / 4) * taps + tap) * 4 + (channel % 4)] =
        data[channel * taps + tap]!;
  return result;
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
    const [, w, bias] = node.inputs;
    assert(w?.kind === 'constant' && bias?.kind === 'constant', 'it accepts constants only');
    const [, , r, s] = w.type.shape as [number, number, number, number];
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const blocks = Math.ceil(c / 4);
    const weights = packed(w.value, blocks);
    const biases = new Float32Array(4 * blocks);
    biases.set(bias.value.data);

    const back = pads[0] * x.strides[2]! + pads[1] * x.strides[3]!;
    const bytes = (strides: readonly number[]) =>
      strides.map((step) => 4 * step) as [number, number, number, number];
    const [xn, , xh, xw] = bytes(x.strides);
    const [yn, , yh, yw] = bytes(output.strides);
    const finishing = { yPixelStep: yw, extras: extras.map(extraOf), epilogue };
    const along = (axis: number) => extras.map(({ strides }) => 4 * strides[axis]!);
    const images: readonly Loop[] = [
      { extent: n, steps: [xn, 0, 0, yn, ...along(0)] },
      { extent: rows, steps: [xh * stride[0], 0, 0, yh, ...along(2)] },
    ];
    const line = {
      pixels: columns,
      held: depthwisePixels(s),
      steps: [xw * stride[1], 0, 0, yw, ...along(3)],
    };
    const blockSteps = [16, 16 * r * s, 16, 16, ...along(1).map((step) => 4 * step)];
    const [whole, rest] = [Math.floor(c / 4), c % 4];

    emit.call({
      kernel: s > 3 ? 'conv-depthwise-wide' : 'conv-depthwise',
      label: `depthwise ${r}×${s} ${node.name}`,
      args: [
        moved(x.address, -4 * back),
        emit.constant(weights, w.name, { blocks, rows: r * s, lanes: 4 }),
        emit.constant(biases, bias.name),
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
        const sums = Array.from({ length: line.held }, () => asm.v128Local());
        const bias = asm.v128Local();
        const [at, weights] = [asm.i32Local(), asm.i32Local()];
        const row = createDepthwiseRow(asm, {
          taps: s,
          columnStep: xw,
          stride: stride[1],
          dilation: dilation[1],
        });

        /** Some pixels of up to four channels. */
        const tile = (pixels: number, lanes: number): Expr => {
          const held = sums.slice(0, pixels);
          const rows = [{ extent: r, steps: [xh * dilation[0], 16 * s] }];
          return asm.seq(
            bias.set(asm.load('v128.load', start.get)),
            ...held.map((sum) => sum.set(bias.get)),
            at.set(from.get),
            weights.set(taps.get),
            nest(asm, rows, [at, weights], row({ sums: held, at, weights })),
            finish(asm, finishing, to, own, pixels, lanes, (pixel) => held[pixel]!, at),
          );
        };
        const overChannels = (pixels: number): Expr =>
          asm.seq(
            nest(asm, [{ extent: whole, steps: blockSteps }], pointers, tile(pixels, 4)),
            rest > 0 ? tile(pixels, rest) : asm.seq(),
            ...pointers.map((pointer, i) => pointer.advance(-whole * blockSteps[i]!)),
          );
        return nest(
          asm,
          images.filter(({ extent }) => extent !== 1),
          pointers,
          inTiles(asm, line, pointers, overChannels),
        );
      },
    });
  },
};
