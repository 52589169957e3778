// Max pooling of codes over NHWC, sixteen channels at a time. Padding is a halo of the least code.

import type { AttrsOf } from '@espalier/ir';
import { channelsLast, type Halo, moved } from '../../../plan/view.ts';
import type { Expr, Local } from '../assembler.ts';
import { storeBytes } from '../codes.ts';
import type { Kernel } from '../kernel.ts';
import { nest } from '../walk.ts';
import { offset } from './epilogue.ts';

/** Channels of a vector. */
const lanes = 16;

/** The greatest code of each window. */
export const maxPoolCodes: Kernel = {
  name: 'max-pool-codes',
  accepts: ({ inputs: [x] }) => x?.type.dtype === 'u8',
  wish: (node) => ({
    unitAxis: 1,
    halo: (node.attrs as AttrsOf<'maxPool'>).pads satisfies Halo,
  }),
  order: () => channelsLast(4),

  lower({ node, input, output, emit }) {
    const { kernel, stride, dilation, pads } = node.attrs as AttrsOf<'maxPool'>; // its op says so
    const x = input(0);
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const [xn, , xh, xw] = x.strides as [number, number, number, number];
    const [yn, , yh, yw] = output.strides as [number, number, number, number];
    const [whole, rest] = [Math.floor(c / lanes), c % lanes];
    emit.call({
      label: `maxPool int8 ${node.name}`,
      args: [moved(x.address, -(pads[0] * xh + pads[1] * xw)), output.address],
      write(asm, ...params) {
        const [from, to] = params as [Local, Local];
        const greatest = asm.v128Local();
        const window = (channels: number): Expr => {
          const taps = Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
            const row = Math.floor(tap / kernel[1]) * dilation[0] * xh;
            const column = (tap % kernel[1]) * dilation[1] * xw;
            const codes = asm.load('v128.load', ...offset(asm, from, row + column));
            return greatest.set(tap === 0 ? codes : asm.op('i8x16.max_u', greatest.get, codes));
          });
          return asm.seq(...taps, storeBytes(asm, to, greatest, channels));
        };
        const pixel = asm.seq(
          nest(asm, [{ extent: whole, steps: [lanes, lanes] }], [from, to], window(lanes)),
          rest > 0 ? window(rest) : asm.seq(),
          from.advance(-whole * lanes),
          to.advance(-whole * lanes),
        );
        const loops = [
          { extent: n, steps: [xn, yn] },
          { extent: rows, steps: [xh * stride[0], yh] },
          { extent: columns, steps: [xw * stride[1], yw] },
        ];
        return nest(asm, loops, [from, to], pixel);
      },
    });
  },
};
