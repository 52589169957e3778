// Depthwise convolution of codes over NHWC: lanes along channels, eight at a time. Products of codes and
// weights fit 16 bits, and so do sums of a few of them: they are widened only when they might not.

import type { AttrsOf, OpNode } from '@espalier/ir';
import { channelsLast, elementBytes, moved } from '../../../plan/view.ts';
import type { Expr, Local } from '../assembler.ts';
import type { Kernel } from '../kernel.ts';
import { type Loop, nest } from '../walk.ts';
import { codesWish } from './conv-integer.ts';
import { extraOf, offset } from './epilogue.ts';
import { finishIntegers, waitingBytes } from './integer-finish.ts';
import { integerConstants, packedBias } from './integer-pack.ts';
import { inTiles } from './pixel-row.ts';

/** Pixels whose sums are held: a vector of 16 bits and two of 32 each. */
const heldPixels = 4;

/** Channels of a block. */
const lanes = 8;

/** The greatest code, and the greatest sum of 16 bits. */
const greatestCode = 127;
const greatestSum = 32767;

/** Weights `[C, 1, R, S]` as `[C/8][R·S][8]` of 16 bits. */
function packedWeights(node: OpNode): Int32Array {
  const [w] = integerConstants(node);
  const [c, , r, s] = w.type.shape as [number, number, number, number];
  const taps = r * s;
  const packed = new Int16Array(Math.ceil(c / lanes) * taps * lanes);
  for (let channel = 0; channel < c; channel++)
    for (let tap = 0; tap < taps; tap++)
      packed[(Math.floor(channel / lanes) * taps + tap) * lanes + (channel % lanes)] =
        w.value.data[channel * taps + tap]!;
  return new Int32Array(packed.buffer);
}

/** The taps in runs whose sums fit 16 bits in every channel. */
export function safeRuns(node: OpNode): readonly (readonly number[])[] {
  const [w] = integerConstants(node);
  const c = w.type.shape[0]!;
  const taps = w.value.data.length / c;
  const runs: number[][] = [];
  const sums = new Float64Array(c);
  for (let tap = 0; tap < taps; tap++) {
    let greatest = 0;
    for (let channel = 0; channel < c; channel++) {
      const most = greatestCode * Math.abs(w.value.data[channel * taps + tap]!);
      sums[channel]! += most;
      greatest = Math.max(greatest, sums[channel]!);
    }
    if (greatest <= greatestSum && runs.length > 0) runs.at(-1)!.push(tap);
    else {
      runs.push([tap]);
      for (let channel = 0; channel < c; channel++)
        sums[channel] = greatestCode * Math.abs(w.value.data[channel * taps + tap]!);
    }
  }
  return runs;
}

/** One output channel for each input channel. */
export const depthwiseInteger: Kernel = {
  name: 'depthwise-integer',

  accepts(node) {
    const { groups } = node.attrs as AttrsOf<'convInteger'>; // its op says so
    const [, c] = node.inputs[0]!.type.shape;
    const [o, i] = node.inputs[1]!.type.shape;
    return groups === c && o === c && i === 1;
  },

  reads: () => [0],
  wish: codesWish,
  order: () => channelsLast(4),

  lower({ node, input, output, extras, epilogue, emit }) {
    const { stride, dilation, pads } = node.attrs as AttrsOf<'convInteger'>; // its op says so
    const view = input(0);
    const [, , r, s] = node.inputs[1]!.type.shape as [number, number, number, number];
    const [n, c, rows, columns] = output.shape as [number, number, number, number];
    const [xn, , xh, xw] = view.strides as [number, number, number, number];
    const size = elementBytes(output.dtype);
    const [yn, , yh, yw] = output.strides.map((step) => size * step) as [
      number,
      number,
      number,
      number,
    ];
    const operands = extras.map(extraOf);
    const along = (axis: number) =>
      extras.map(({ dtype, strides }) => elementBytes(dtype) * strides[axis]!);
    const images: readonly Loop[] = [
      { extent: n, steps: [xn, 0, 0, yn, ...along(0)] },
      { extent: rows, steps: [xh * stride[0], 0, 0, yh, ...along(2)] },
    ];
    const pixelStep = xw * stride[1];
    const line = {
      pixels: columns,
      held: heldPixels,
      steps: [pixelStep, 0, 0, yw, ...along(3)],
    };
    const tapBytes = 2 * lanes;
    const blockSteps = [
      lanes,
      tapBytes * r * s,
      4 * lanes,
      lanes * size,
      ...operands.map(({ laneStep }) => lanes * laneStep),
    ];
    const [whole, rest] = [Math.floor(c / lanes), c % lanes];
    const runs = safeRuns(node);
    const back = pads[0] * xh + pads[1] * xw;
    const waiting = waitingBytes(epilogue, heldPixels);
    const finishing = { dtype: output.dtype, yPixelStep: yw, extras: operands, epilogue };

    emit.call({
      label: `depthwise ${r}×${s} int8 ${node.name}`,
      args: [
        moved(view.address, -back),
        emit.constant(packedWeights(node), node.inputs[1]!.name),
        packedBias(emit, depthwiseBias(node)),
        output.address,
        ...extras.map(({ address }) => address),
        ...(waiting > 0 ? [emit.scratch(waiting, `${node.name}, sums`)] : []),
      ],
      write(asm, ...params) {
        const pointers = params.slice(0, 4 + extras.length) as [Local, Local, Local, Local];
        const [x, w, bias, y, ...own] = pointers as [Local, Local, Local, Local, ...Local[]];
        const narrow = Array.from({ length: heldPixels }, () => asm.v128Local());
        const wide = Array.from({ length: 2 * heldPixels }, () => asm.v128Local());
        const weight = asm.v128Local();

        const tile = (pixels: number, channels: number): Expr => {
          const held = narrow.slice(0, pixels);
          const tap = (index: number, isFirst: boolean): Expr => {
            const row = Math.floor(index / s) * dilation[0] * xh;
            const column = (index % s) * dilation[1] * xw;
            return asm.seq(
              weight.set(asm.load('v128.load', w.get, tapBytes * index)),
              ...held.map((sum, pixel) => {
                const at = offset(asm, x, row + column + pixel * pixelStep);
                const codes = asm.load('v128.load8x8_u', ...at);
                const product = asm.op('i16x8.mul', codes, weight.get);
                return sum.set(isFirst ? product : asm.op('i16x8.add', sum.get, product));
              }),
            );
          };
          const widened = (from: 'bias' | 'sums') =>
            held.map((sum, pixel) =>
              asm.seq(
                ...(['low', 'high'] as const).map((half, vector) => {
                  const total = wide[2 * pixel + vector]!;
                  const before =
                    from === 'sums' ? total.get : asm.load('v128.load', bias.get, 16 * vector);
                  const added = asm.op(`i32x4.extend_${half}_i16x8_s`, sum.get);
                  return total.set(asm.op('i32x4.add', before, added));
                }),
              ),
            );
          return asm.seq(
            ...runs.flatMap((run, i) => [
              ...run.map((index, place) => tap(index, place === 0)),
              ...widened(i === 0 ? 'bias' : 'sums'),
            ]),
            finishIntegers(
              asm,
              finishing,
              y,
              own,
              params[4 + extras.length],
              pixels,
              channels,
              (pixel, vector) => wide[2 * pixel + vector]!,
            ),
          );
        };
        const overChannels = (pixels: number): Expr =>
          asm.seq(
            nest(asm, [{ extent: whole, steps: blockSteps }], pointers, tile(pixels, lanes)),
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

/** The same node as one group: its biases then lie side by side. */
const depthwiseBias = (node: OpNode): OpNode => ({ ...node, attrs: { ...node.attrs, groups: 1 } });
