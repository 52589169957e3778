// Depthwise convolution over NHWC: lanes along channels, a few pixels of a row at a time, so that their
// weights and the columns which they share are loaded once.

import type { AttrsOf } from '@espalier/ir';
import { channelsLast, type Halo, moved, rowMajor } from '../../../plan/view.ts';
import type { Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { type Loop, nest } from '../walk.ts';
import { createDepthwiseRow, depthwisePixels } from './depthwise-row.ts';
import { extraOf, finish } from './epilogue.ts';
import { packedBias, packedWeights, runtimeReads } from './pack.ts';
import { inTiles } from './pixel-row.ts';

/** Channels that are computed at once. */
const lanes = 4;

/** One output channel for each input channel. */
export const depthwise: Kernel = {
  name: 'conv-depthwise',

  accepts(node) {
    const { groups } = node.attrs as AttrsOf<'conv'>; // its op says so
    const [, c] = node.inputs[0]!.type.shape;
    const [o, i] = node.inputs[1]!.type.shape;
    return groups === c && o === c && i === 1;
  },

  reads: runtimeReads,
  wish(node, index) {
    if (index > 0) return { dense: rowMajor(node.inputs[index]!.type.shape.length) };
    return { unitAxis: 1, halo: (node.attrs as AttrsOf<'conv'>).pads satisfies Halo }; // its op says so
  },
  order: () => channelsLast(4),

  lower(site) {
    const { node, output, extras, epilogue, emit } = site;
    const { stride, dilation, pads } = node.attrs as AttrsOf<'conv'>; // its op says so
    const x = site.input(0);
    const [, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const weights = packedWeights(site, 1, {
      groups: 1,
      outputs: c,
      inputs: 1,
      rows: r,
      columns: s,
      strides: { group: 0, output: r * s, input: 0, row: s, column: 1 },
      offset: 0,
      lanes,
    });
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
        weights,
        packedBias(site, 2, 1, c, { lanes }),
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
