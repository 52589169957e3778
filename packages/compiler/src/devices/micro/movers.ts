// Everything that is not a layer with weights: elementwise, pools, norms, and what only moves elements.

import { type Dims, type MicroKernel, micro, type Writer } from './micro-kernel.ts';

const elementwise: readonly (readonly [expr: string, operands: number])[] = [
  ['relu(a0)', 1],
  ['add(a0, a1)', 2],
  ['mul(a0, sigmoid(a0))', 1],
  ['exp(a0)', 1],
  ['tanh(a0)', 1],
  ['mul(a0, add(1, erf(mul(a0, 0.7))))', 1],
  ['min(max(add(mul(a0, 0.17), 0.5), 0), 1)', 1],
  ['div(a0, add(a1, 3))', 2],
  ['div(mul(a0, min(max(add(a0, 3), 0), 6)), 6)', 1],
  ['relu(add(a0, a1))', 2],
];

const shapes4: readonly Dims[] = [
  [1, 16, 56, 56],
  [1, 64, 28, 28],
  [1, 128, 14, 14],
  [1, 96, 112, 112],
  [1, 24, 9, 9],
  [1, 256, 56, 56],
  [1, 32, 208, 208],
];

/** Shapes of maps between layers, channels dense. */
const mapsBetween: readonly Dims[] = [
  [1, 16, 160, 160],
  [1, 72, 40, 40],
  [1, 24, 80, 80],
  [1, 480, 14, 14],
  [1, 96, 56, 56],
  [1, 40, 20, 20],
  [1, 64, 112, 112],
];

/** Twice as many rows or columns, each from two, or copied from one. */
function resized(g: Writer, x: string, extent: number, axis = 2, taps = 2): string {
  const indices = g.add(`constant i32[${2 * extent},${taps}] seed 1 from 0 to ${extent}`);
  const weights = `constant f32[${2 * extent},${taps}] seed 2 from ${taps === 1 ? '1 to 1' : '0 to 1'}`;
  return g.add(`resample(${x}, ${indices}, ${g.add(weights)}) {axis: ${axis}}`);
}

/** One op each. */
export const movers: readonly MicroKernel[] = [
  ...elementwise.flatMap(([expr, operands], e) =>
    shapes4
      .filter((_, s) => (s + e) % 3 !== 0)
      .map((shape) =>
        micro(`map ${expr} of ${shape.join('×')}`, (g) =>
          g.map(expr, ...Array.from({ length: operands }, () => g.input(shape))),
        ),
      ),
  ),
  ...shapes4.flatMap(([n, c, h, w]) => [
    micro(`scale of ${c} channels at ${h}`, (g) =>
      g.map('mul(a0, a1)', g.input([n!, c!, h!, w!]), g.input([n!, c!, 1, 1])),
    ),
    micro(`transpose ${c} channels at ${h}`, (g) =>
      g.map('add(a0, 1)', g.add(`transpose(${g.input([n!, c!, h!, w!])}) {perm: [0, 2, 3, 1]}`)),
    ),
    micro(`max pool 3×3 of ${c} at ${h}`, (g) =>
      g.add(
        `maxPool(${g.input([n!, c!, h!, w!])}) {dilation: [1, 1], kernel: [3, 3], pads: [1, 1, 1, 1], stride: [2, 2]}`,
      ),
    ),
    micro(`sum pool 2×2 of ${c} at ${h}`, (g) =>
      g.add(
        `sumPool(${g.input([n!, c!, h!, w!])}) {dilation: [1, 1], kernel: [2, 2], pads: [0, 0, 0, 0], stride: [2, 2]}`,
      ),
    ),
    micro(`mean of ${c} channels at ${h}`, (g) =>
      g.add(`reduce(${g.input([n!, c!, h!, w!])}) {axes: [2, 3], keepDims: true, kind: sum}`),
    ),
    micro(`maximum over ${c} channels at ${h}`, (g) =>
      g.add(`reduce(${g.input([n!, c!, h!, w!])}) {axes: [1], keepDims: true, kind: max}`),
    ),
    micro(`minimum of ${c} channels at ${h}`, (g) =>
      g.add(`reduce(${g.input([n!, c!, h!, w!])}) {axes: [2, 3], keepDims: false, kind: min}`),
    ),
    micro(`resize of ${c} at ${h}`, (g) => resized(g, g.input([n!, c!, h!, w!]), h!)),
    micro(`concat of ${c} at ${h}`, (g) =>
      g.add(`concat(${g.input([n!, c!, h!, w!])}, ${g.input([n!, c! / 2, h!, w!])}) {axis: 1}`),
    ),
    micro(`pad of ${c} at ${h}`, (g) =>
      g.add(
        `pad(${g.input([n!, c!, h!, w!])}) {after: [0, 0, 1, 1], before: [0, 0, 1, 1], value: 0}`,
      ),
    ),
  ]),
  ...mapsBetween.flatMap((shape) => {
    const [, c, h] = shape as [number, number, number];
    return [
      micro(`mean of ${c} dense channels at ${h}`, (g) =>
        g.add(`reduce(${g.channelsLast(shape)}) {axes: [2, 3], keepDims: true, kind: sum}`),
      ),
      micro(`rows of ${c} dense channels at ${h}, repeated`, (g) =>
        resized(g, g.channelsLast(shape), h, 2, 1),
      ),
      micro(`columns of ${c} dense channels at ${h}, repeated`, (g) =>
        resized(g, g.channelsLast(shape), h, 3, 1),
      ),
      micro(`scale of ${c} dense channels at ${h}`, (g) =>
        g.map('mul(a0, a1)', g.channelsLast(shape), g.input([1, c, 1, 1])),
      ),
    ];
  }),
  ...[
    [197, 192],
    [49, 448],
    [16, 64],
    [784, 96],
  ].flatMap(([rows, width]) => [
    micro(`layer norm of ${rows}×${width}`, (g) =>
      g.add(
        `layerNorm(${g.input([rows!, width!])}, ${g.weights([width!])}, ${g.weights([width!])}) {axis: 1, epsilon: 0.00001}`,
      ),
    ),
    micro(`mean of each of ${rows} rows of ${width}`, (g) =>
      g.add(`reduce(${g.input([rows!, width!])}) {axes: [1], keepDims: true, kind: sum}`),
    ),
    micro(`softmax of ${rows}×${width}`, (g) =>
      g.add(`softmax(${g.input([rows!, width!])}) {axis: 1}`),
    ),
    micro(`softmax down ${rows}×${width}`, (g) =>
      g.add(`softmax(${g.input([rows!, width!])}) {axis: 0}`),
    ),
  ]),
  ...[
    [64, 32, 14, 2],
    [32, 16, 28, 2],
    [128, 64, 10, 2],
    [24, 1, 160, 2],
    [24, 24, 80, 2],
    [16, 1, 112, 4],
    [64, 3, 28, 4],
    [32, 2, 56, 2],
    [96, 48, 20, 2],
    [64, 1, 40, 2],
    [16, 8, 56, 4],
    [48, 4, 28, 4],
  ].map(([i, o, size, taps]) =>
    micro(`transposed convolution ${taps}×${taps} ${i}→${o} at ${size}`, (g) => {
      const pad = taps! / 2 - 1;
      return g.add(
        `convTranspose(${g.channelsLast([1, i!, size!, size!])}, ${g.weights([i!, o!, taps!, taps!])}, ${g.weights([o!])}) {dilation: [1, 1], groups: 1, outputPadding: [0, 0], pads: [${pad}, ${pad}, ${pad}, ${pad}], stride: [2, 2]}`,
      );
    }),
  ),
];
