// Dense layers over a grid of shapes: convolutions and products, the shapes of networks that people ship.

import { type Dims, type MicroKernel, micro, rounded } from './micro-kernel.ts';

/** `[inputs, outputs, size, taps, stride, groups]` of convolutions. */
const convolutions: readonly Dims[] = [
  // 1×1, as in MobileNets and ResNets
  ...[
    [16, 96, 56, 1, 1, 1],
    [96, 24, 56, 1, 1, 1],
    [24, 144, 28, 1, 1, 1],
    [144, 32, 28, 1, 1, 1],
    [64, 64, 56, 1, 1, 1],
    [64, 256, 28, 1, 1, 1],
    [192, 64, 14, 1, 1, 1],
    [256, 512, 14, 1, 1, 1],
    [384, 96, 14, 1, 1, 1],
    [960, 160, 7, 1, 1, 1],
    [320, 1280, 7, 1, 1, 1],
    [1024, 512, 7, 1, 1, 1],
    [256, 128, 28, 1, 2, 1],
    [40, 12, 20, 1, 1, 1],
    [96, 20, 13, 1, 1, 1],
    [32, 255, 10, 1, 1, 1],
    [24, 1, 1, 1, 1, 1],
    [480, 20, 1, 1, 1, 1],
  ],
  // 3×3, stride 1 and 2
  ...[
    [16, 16, 64, 3, 1, 1],
    [32, 32, 56, 3, 1, 1],
    [64, 64, 28, 3, 1, 1],
    [64, 64, 56, 3, 1, 1],
    [128, 128, 28, 3, 1, 1],
    [256, 256, 14, 3, 1, 1],
    [512, 512, 7, 3, 1, 1],
    [48, 64, 26, 3, 1, 1],
    [24, 40, 13, 3, 1, 1],
    [64, 128, 56, 3, 2, 1],
    [32, 64, 52, 3, 2, 1],
    [128, 256, 28, 3, 2, 1],
    [12, 6, 40, 3, 1, 1],
    [8, 8, 3, 3, 1, 1],
    [12, 20, 5, 3, 1, 1],
    [16, 16, 9, 3, 1, 1],
    [32, 8, 16, 3, 1, 1],
    [96, 128, 10, 3, 1, 1],
    [40, 40, 30, 3, 1, 1],
    [8, 64, 36, 3, 1, 1],
    [32, 27, 48, 3, 1, 1],
    [64, 32, 80, 3, 1, 1],
    [128, 64, 20, 3, 1, 1],
    [192, 192, 12, 3, 1, 1],
    [32, 32, 180, 3, 1, 1],
    [96, 24, 160, 3, 1, 1],
    [256, 512, 4, 3, 1, 1],
    [512, 1024, 13, 3, 1, 1],
    [160, 160, 6, 3, 1, 1],
  ],
  // first layers, larger windows, groups
  ...[
    [3, 32, 224, 3, 2, 1],
    [3, 64, 112, 7, 2, 1],
    [3, 16, 128, 3, 1, 1],
    [3, 24, 96, 5, 1, 1],
    [32, 32, 28, 5, 1, 1],
    [16, 32, 40, 7, 1, 1],
    [64, 64, 28, 3, 1, 4],
    [128, 128, 14, 1, 1, 4],
    [48, 48, 28, 1, 1, 3],
  ],
];

/** `[channels, size, taps, stride]` of depthwise convolutions. */
const depthwise: readonly Dims[] = [
  [32, 112, 3, 1],
  [96, 112, 3, 2],
  [144, 56, 3, 1],
  [144, 56, 3, 2],
  [192, 28, 3, 1],
  [384, 14, 3, 1],
  [576, 14, 3, 2],
  [960, 7, 3, 1],
  [72, 56, 5, 2],
  [120, 28, 5, 1],
  [672, 14, 5, 1],
  [240, 14, 5, 1],
  [16, 40, 3, 1],
  [90, 20, 3, 1],
  [64, 10, 3, 2],
  [1152, 7, 5, 1],
  [32, 32, 7, 1],
];

/** `[rows, inputs, outputs]` of linear layers. */
const linears: readonly Dims[] = [
  [1, 1280, 1000],
  [1, 512, 1000],
  [1, 64, 10],
  [1, 2048, 1000],
  [1, 256, 64],
  [1, 4096, 1024],
  [1, 4096, 4096],
  [49, 448, 448],
  [196, 192, 576],
  [196, 192, 768],
  [197, 768, 192],
  [64, 256, 256],
  [16, 128, 40],
  [400, 64, 32],
  [7, 320, 96],
];

/** `[batch, rows, depth, columns]` of matrix products. */
const products: readonly Dims[] = [
  [3, 197, 64, 197],
  [3, 197, 197, 64],
  [8, 49, 32, 49],
  [8, 49, 49, 128],
  [1, 128, 128, 128],
  [4, 64, 16, 64],
  [12, 16, 64, 16],
];

const silu = 'mul(a0, sigmoid(a0))';
const hardSwish = 'mul(a0, min(max(add(mul(a0, 0.1666), 0.5), 0), 1))';
const gelu = 'mul(a0, add(0.5, mul(0.5, erf(mul(a0, 0.7071)))))';
const leaky = 'max(a0, mul(a0, 0.1))';

/** `[inputs, outputs, size, taps, groups, epilogue]`: what follows may cost more than the sums. */
const heavyEpilogues: readonly (readonly [number, number, number, number, number, string])[] = [
  [16, 96, 56, 1, 1, silu],
  [48, 288, 20, 1, 1, silu],
  [192, 64, 14, 1, 1, silu],
  [32, 64, 40, 1, 1, hardSwish],
  [96, 384, 14, 1, 1, gelu],
  [64, 32, 26, 1, 1, leaky],
  [32, 32, 40, 3, 1, silu],
  [64, 64, 28, 3, 1, silu],
  [64, 128, 26, 3, 1, leaky],
  [3, 32, 80, 3, 1, silu],
  [96, 96, 56, 3, 96, silu],
  [240, 240, 28, 5, 240, silu],
  [672, 672, 14, 3, 672, silu],
  [120, 120, 28, 5, 120, hardSwish],
];

/** Kernels of fixed point have few prices, and their shapes are those of floats. */
const everySecondRounded = (all: readonly MicroKernel[]): MicroKernel[] =>
  all.map((one, i) => (i % 2 === 0 ? rounded(one) : one));

/** One layer each. */
export const layers: readonly MicroKernel[] = [
  ...everySecondRounded(
    convolutions.map(([i, o, size, taps, stride, groups]) =>
      micro(`conv ${taps}×${taps} ${i}→${o} at ${size}, stride ${stride}, groups ${groups}`, (g) =>
        g.conv(g.input([1, i!, size!, size!]), o!, i!, taps!, stride, groups),
      ),
    ),
  ),
  ...depthwise.map(([c, size, taps, stride]) =>
    micro(`depthwise ${taps}×${taps} of ${c} at ${size}, stride ${stride}`, (g) =>
      g.conv(g.input([1, c!, size!, size!]), c!, c!, taps!, stride, c, 'min(max(a0, 0), 6)'),
    ),
  ),
  ...everySecondRounded(
    linears.map(([m, k, n]) =>
      micro(`linear ${m}×${k}→${n}`, (g) => g.linear(g.input([m!, k!]), n!, k!)),
    ),
  ),
  ...heavyEpilogues.map(([i, o, size, taps, groups, epilogue]) =>
    micro(`conv ${taps}×${taps} ${i}→${o} at ${size}, groups ${groups}, then ${epilogue}`, (g) =>
      g.conv(g.input([1, i, size, size]), o, i, taps, 1, groups, epilogue),
    ),
  ),
  ...[
    [197, 192, 768],
    [49, 448, 320],
    [1, 512, 512],
  ].map(([m, k, n]) =>
    micro(`linear ${m}×${k}→${n}, then ${gelu}`, (g) => g.linear(g.input([m!, k!]), n!, k!, gelu)),
  ),
  ...products.map(([batch, m, k, n]) =>
    micro(`matmul ${batch} of ${m}×${k}×${n}`, (g) =>
      g.add(`matmul(${g.input([batch!, m!, k!])}, ${g.input([batch!, k!, n!])}) {}`),
    ),
  ),
];
