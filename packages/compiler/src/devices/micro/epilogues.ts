// Layers with all kinds of epilogues: what follows the sums may cost more than they do, above all where
// maps are large and channels few.

import { pruned } from './masks.ts';
import { type MicroKernel, micro, type Writer } from './micro-kernel.ts';
import { masks } from './sparse-layers.ts';

/** What follows, and the shape of its other operand for so many channels and rows. */
type Epilogue = readonly [expr: string, operand?: (channels: number, size: number) => number[]];

const wholeMap = (channels: number, size: number) => [1, channels, size, size];

/** As exporters write them. */
const expressions: readonly Epilogue[] = [
  [''],
  ['div(mul(a0, min(max(add(a0, 3), 0), 6)), 6)'],
  ['mul(a0, min(max(add(mul(a0, 0.1666), 0.5), 0), 1))'],
  ['mul(a0, sigmoid(a0))'],
  ['max(a0, mul(a0, 0.1))'],
  ['add(max(a0, 0), mul(min(a0, 0), a1))', (channels) => [1, channels, 1, 1]],
  ['relu(add(a0, a1))', wholeMap],
  ['add(min(max(a0, 0), 6), a1)', wholeMap],
];

/** `[inputs, outputs, size, taps, groups, mask]`. */
const bodies: readonly (readonly [number, number, number, number, number, number?])[] = [
  [8, 16, 160, 1, 1],
  [16, 64, 80, 1, 1],
  [96, 24, 40, 1, 1],
  [8, 8, 112, 3, 1],
  [96, 96, 40, 5, 96],
  [16, 16, 160, 3, 16],
  [288, 96, 20, 1, 1, 0],
  [16, 32, 112, 1, 1, 0],
  [32, 32, 56, 3, 1, 3],
  [48, 48, 40, 3, 1, 6],
];

function one(
  [i, o, size, taps, groups, mask]: (typeof bodies)[number],
  [expr, operand]: Epilogue,
): MicroKernel {
  const title = `conv ${taps}×${taps} ${i}→${o} at ${size}, groups ${groups}, then ${expr || 'nothing'}`;
  const write = (g: Writer) => {
    const extras = operand ? [operandOf(g, operand(o, size))] : [];
    return g.conv(g.channelsLast([1, i, size, size]), o, i, taps, 1, groups, expr, ...extras);
  };
  if (mask === undefined) return micro(title, write);
  const [name, shape, sparsity] = masks[mask]!;
  return pruned(micro(`${name} of ${sparsity} zero in ${title}`, write), shape, sparsity);
}

/** Weights where it is small, else a map. */
const operandOf = (g: Writer, shape: number[]): string =>
  shape[2] === 1 ? g.weights(shape) : g.channelsLast(shape);

/** Every layer with every second epilogue: four of them, so that every third of all has each. */
export const epilogues: readonly MicroKernel[] = bodies.flatMap((body, b) =>
  expressions.filter((_, e) => (e + b) % 2 === 0).map((epilogue) => one(body, epilogue)),
);
