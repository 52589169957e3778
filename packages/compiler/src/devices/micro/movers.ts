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

/** Twice as many rows, each from two. */
function resized(g: Writer, x: string, rows: number): string {
  const indices = g.add(`constant i32[${2 * rows},2] seed 1 from 0 to ${rows}`);
  return g.add(`resample(${x}, ${indices}, ${g.weights([2 * rows, 2])}) {axis: 2}`);
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
    micro(`softmax of ${rows}×${width}`, (g) =>
      g.add(`softmax(${g.input([rows!, width!])}) {axis: 1}`),
    ),
    micro(`softmax down ${rows}×${width}`, (g) =>
      g.add(`softmax(${g.input([rows!, width!])}) {axis: 0}`),
    ),
  ]),
  ...[
    [64, 32, 14],
    [32, 16, 28],
    [128, 64, 10],
  ].map(([i, o, size]) =>
    micro(`transposed convolution ${i}→${o} at ${size}`, (g) =>
      g.add(
        `convTranspose(${g.input([1, i!, size!, size!])}, ${g.weights([i!, o!, 2, 2])}, ${g.weights([o!])}) {dilation: [1, 1], groups: 1, outputPadding: [0, 0], pads: [0, 0, 0, 0], stride: [2, 2]}`,
      ),
    ),
  ),
];
