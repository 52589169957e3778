// Layers whose weights have zeros, as pruning makes them.

import { type MaskShape, pruned } from './masks.ts';
import { type MicroKernel, micro, rounded } from './micro-kernel.ts';

/** Structures of zeros, and how many of them. */
export const masks: readonly (readonly [name: string, shape: MaskShape, sparsity: number])[] = [
  ['single weights', { outputs: 1, inputs: 1, wholeKernels: false }, 0.5],
  ['single weights', { outputs: 1, inputs: 1, wholeKernels: false }, 0.85],
  ['blocks of 2', { outputs: 2, inputs: 1, wholeKernels: false }, 0.75],
  ['blocks of 8', { outputs: 8, inputs: 1, wholeKernels: false }, 0.6],
  ['blocks of 8', { outputs: 8, inputs: 1, wholeKernels: false }, 0.9],
  ['kernels of 8', { outputs: 8, inputs: 1, wholeKernels: true }, 0.4],
  ['kernels of 8', { outputs: 8, inputs: 1, wholeKernels: true }, 0.8],
  ['blocks of 8 × 2', { outputs: 8, inputs: 2, wholeKernels: false }, 0.3],
  ['blocks of 8 × 2', { outputs: 8, inputs: 2, wholeKernels: false }, 0.7],
  ['kernels of 8 × 2', { outputs: 8, inputs: 2, wholeKernels: true }, 0.3],
  ['kernels of 8 × 2', { outputs: 8, inputs: 2, wholeKernels: true }, 0.7],
];

/** `[inputs, outputs, size, taps, stride, masks]` of convolutions with zeros: some masks each. */
const sparseConvolutions: readonly (readonly [
  number,
  number,
  number,
  number,
  number,
  readonly number[],
])[] = [
  [32, 96, 56, 1, 1, [0, 1, 4, 7]],
  [64, 64, 40, 1, 1, [1, 2, 3]],
  [192, 64, 28, 1, 1, [1, 3, 7, 8]],
  [256, 256, 14, 1, 1, [0, 1, 2, 4]],
  [576, 96, 14, 1, 1, [1, 4, 8]],
  [512, 320, 7, 1, 1, [0, 1, 3]],
  [40, 20, 13, 1, 1, [1, 3]],
  [64, 128, 20, 1, 2, [1, 3]],
  [32, 32, 40, 3, 1, [1, 4, 6, 9]],
  [64, 64, 28, 3, 1, [0, 1, 2, 3, 5, 6, 8, 9, 10]],
  [64, 64, 56, 3, 1, [6]],
  [128, 128, 14, 3, 1, [1, 4, 5, 6, 10]],
  [256, 256, 14, 3, 1, [1, 6]],
  [384, 256, 7, 3, 1, [4, 5, 6]],
  [64, 128, 28, 3, 2, [1, 3, 6, 7]],
  [16, 24, 24, 5, 1, [1, 3]],
  // maps that only the third cache holds
  [24, 96, 160, 1, 1, [1]],
  [96, 24, 160, 3, 1, [6]],
];

/** One layer each. */
export const sparseLayers: readonly MicroKernel[] = [
  ...sparseConvolutions.flatMap(([i, o, size, taps, stride, kinds]) =>
    kinds.map((kind) => {
      const [mask, shape, sparsity] = masks[kind]!;
      const title = `${mask} of ${sparsity} zero in conv ${taps}×${taps} ${i}→${o} at ${size}, stride ${stride}`;
      const dense = micro(title, (g) => g.conv(g.input([1, i, size, size]), o, i, taps, stride));
      return pruned(shape.inputs > 1 ? rounded(dense) : dense, shape, sparsity);
    }),
  ),
  ...[
    [1, 1280, 1000],
    [1, 512, 256],
    [196, 192, 768],
    [49, 448, 448],
  ].flatMap(([m, k, n]) =>
    [masks[1]!, masks[3]!, masks[7]!].map(([mask, shape, sparsity]) => {
      const dense = micro(`${mask} of ${sparsity} zero in linear ${m}×${k}→${n}`, (g) =>
        g.linear(g.input([m!, k!]), n!, k!),
      );
      return pruned(shape.inputs > 1 ? rounded(dense) : dense, shape, sparsity);
    }),
  ),
];
