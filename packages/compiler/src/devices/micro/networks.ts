// Short networks: what steps cost when others have displaced their data.

import { type MicroKernel, micro, type Writer } from './micro-kernel.ts';

/** An inverted residual block of MobileNetV2. */
function inverted(g: Writer, x: string, channels: number, widen: number, taps: number): string {
  const wide = channels * widen;
  const a = g.conv(x, wide, channels, 1, 1, 1, 'min(max(a0, 0), 6)');
  const b = g.conv(a, wide, wide, taps, 1, wide, 'min(max(a0, 0), 6)');
  const c = g.conv(b, channels, wide, 1, 1, 1, '');
  return g.map('add(a0, a1)', c, x);
}

/** A residual block of ResNet-18. */
function residual(g: Writer, x: string, channels: number): string {
  const a = g.conv(x, channels, channels, 3);
  const b = g.conv(a, channels, channels, 3, 1, 1, '');
  return g.map('relu(add(a0, a1))', b, x);
}

const repeated = (x: string, count: number, block: (x: string) => string): string =>
  Array.from({ length: count }).reduce<string>((value) => block(value), x);

const network = (name: string, write: (g: Writer) => string): MicroKernel =>
  micro(name, write, 'whole');

/** Blocks of the usual networks, a few of each. */
export const networks: readonly MicroKernel[] = [
  ...[
    [16, 56, 3, 4],
    [32, 28, 3, 6],
    [96, 14, 3, 6],
    [160, 7, 5, 8],
  ].map(([c, size, taps, count]) =>
    network(`${count} inverted residuals of ${c} at ${size}`, (g) =>
      repeated(g.input([1, c!, size!, size!]), count!, (x) => inverted(g, x, c!, 6, taps!)),
    ),
  ),
  ...[
    [32, 56, 3],
    [64, 28, 4],
    [256, 14, 3],
    [512, 7, 3],
  ].map(([c, size, count]) =>
    network(`${count} residual blocks of ${c} at ${size}`, (g) =>
      repeated(g.input([1, c!, size!, size!]), count!, (x) => residual(g, x, c!)),
    ),
  ),
  ...[
    [512, 6],
    [1536, 4],
    [2560, 5],
  ].map(([k, count]) =>
    network(`${count} linear layers of ${k}`, (g) =>
      repeated(g.input([1, k!]), count!, (x) => g.linear(x, k!, k!, 'relu(a0)')),
    ),
  ),
  network('1×1 convolutions of 1024 at 7', (g) =>
    repeated(g.input([1, 1024, 7, 7]), 6, (x) => g.conv(x, 1024, 1024, 1)),
  ),
];
