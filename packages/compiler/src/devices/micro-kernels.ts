// The graphs that a calibration times: every kernel over a grid of shapes, and short networks.

import { type Graph, parse } from '@espalier/ir';
import { type MaskShape, withZeros } from './micro-masks.ts';

/** One graph of a calibration. */
export interface MicroKernel {
  readonly name: string;
  /** Whether its steps are timed, each over and over, or all of it in order. */
  readonly manner: 'steps' | 'whole';
  /** Whether its weights have zeros: then their tables have to be what they are, not random words. */
  readonly sparse: boolean;
  /** Builds the graph, whose weights are random. */
  graph(): Graph;
}

type Dims = readonly number[];

/** Lines of a graph in the text form: each method adds one, and gives its value's name. */
function writer() {
  const lines: string[] = [];
  const add = (text: string): string => {
    const name = `v${lines.length}`;
    lines.push(`${name} = ${text}`);
    return name;
  };
  const dims = (shape: Dims) => `f32[${shape}]`;
  const weights = (shape: Dims) =>
    add(`constant ${dims(shape)} seed ${lines.length + 1} from -0.1 to 0.1`);
  const then = (epilogue?: string) => (epilogue ? ` then ${epilogue}` : '');
  const text = {
    add,
    weights,
    input: (shape: Dims) => add(`input ${dims(shape)}`),
    conv(
      x: string,
      o: number,
      i: number,
      taps: number,
      stride = 1,
      groups = 1,
      epilogue = 'relu(a0)',
    ) {
      const w = weights([o, i / groups, taps, taps]);
      const pad = (taps - 1) / 2;
      return add(
        `conv(${x}, ${w}, ${weights([o])}) {dilation: [1, 1], groups: ${groups}, pads: [${pad}, ${pad}, ${pad}, ${pad}], stride: [${stride}, ${stride}]}${then(epilogue)}`,
      );
    },
    linear(x: string, o: number, k: number, epilogue?: string) {
      return add(`linear(${x}, ${weights([o, k])}, ${weights([o])}) {}${then(epilogue)}`);
    },
    map: (expr: string, ...from: string[]) => add(`map(${from.join(', ')}) {expr: ${expr}}`),
    graph: (...results: string[]) => `${lines.join('\n')}\nreturn ${results.join(', ')}\n`,
  };
  return text;
}

type Writer = ReturnType<typeof writer>;

/** Twice as many rows, each from two. */
function resized(g: Writer, x: string, rows: number): string {
  const indices = g.add(`constant i32[${2 * rows},2] seed 1 from 0 to ${rows}`);
  return g.add(`resample(${x}, ${indices}, ${g.weights([2 * rows, 2])}) {axis: 2}`);
}

const micro = (
  name: string,
  write: (g: Writer) => string,
  manner: MicroKernel['manner'] = 'steps',
): MicroKernel => ({
  name,
  manner,
  sparse: false,
  graph() {
    const g = writer();
    return parse(g.graph(write(g)));
  },
});

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
];

const single: readonly MicroKernel[] = [
  ...convolutions.map(([i, o, size, taps, stride, groups]) =>
    micro(`conv ${taps}×${taps} ${i}→${o} at ${size}, stride ${stride}, groups ${groups}`, (g) =>
      g.conv(g.input([1, i!, size!, size!]), o!, i!, taps!, stride, groups),
    ),
  ),
  ...depthwise.map(([c, size, taps, stride]) =>
    micro(`depthwise ${taps}×${taps} of ${c} at ${size}, stride ${stride}`, (g) =>
      g.conv(g.input([1, c!, size!, size!]), c!, c!, taps!, stride, c, 'min(max(a0, 0), 6)'),
    ),
  ),
  ...linears.map(([m, k, n]) =>
    micro(`linear ${m}×${k}→${n}`, (g) => g.linear(g.input([m!, k!]), n!, k!)),
  ),
  ...products.map(([batch, m, k, n]) =>
    micro(`matmul ${batch} of ${m}×${k}×${n}`, (g) =>
      g.add(`matmul(${g.input([batch!, m!, k!])}, ${g.input([batch!, k!, n!])}) {}`),
    ),
  ),
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

const networks: readonly MicroKernel[] = [
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

/** Structures of zeros, and how many of them. */
const masks: readonly (readonly [name: string, shape: MaskShape, sparsity: number])[] = [
  ['single weights', { outputs: 1, inputs: 1, wholeKernels: false }, 0.5],
  ['single weights', { outputs: 1, inputs: 1, wholeKernels: false }, 0.85],
  ['blocks of 2', { outputs: 2, inputs: 1, wholeKernels: false }, 0.75],
  ['blocks of 8', { outputs: 8, inputs: 1, wholeKernels: false }, 0.6],
  ['blocks of 8', { outputs: 8, inputs: 1, wholeKernels: false }, 0.9],
  ['kernels of 8', { outputs: 8, inputs: 1, wholeKernels: true }, 0.4],
  ['kernels of 8', { outputs: 8, inputs: 1, wholeKernels: true }, 0.8],
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
  [32, 96, 56, 1, 1, [0, 1, 4]],
  [64, 64, 40, 1, 1, [1, 2, 3]],
  [192, 64, 28, 1, 1, [1, 3]],
  [256, 256, 14, 1, 1, [0, 1, 2, 4]],
  [576, 96, 14, 1, 1, [1, 4]],
  [512, 320, 7, 1, 1, [0, 1, 3]],
  [40, 20, 13, 1, 1, [1, 3]],
  [64, 128, 20, 1, 2, [1, 3]],
  [32, 32, 40, 3, 1, [1, 4, 6]],
  [64, 64, 28, 3, 1, [0, 1, 2, 3, 5, 6]],
  [64, 64, 56, 3, 1, [6]],
  [128, 128, 14, 3, 1, [1, 4, 5, 6]],
  [256, 256, 14, 3, 1, [1, 6]],
  [384, 256, 7, 3, 1, [4, 5, 6]],
  [64, 128, 28, 3, 2, [1, 3, 6]],
  [16, 24, 24, 5, 1, [1, 3]],
];

const sparse: readonly MicroKernel[] = [
  ...sparseConvolutions.flatMap(([i, o, size, taps, stride, kinds]) =>
    kinds.map((kind) => {
      const [mask, shape, sparsity] = masks[kind]!;
      const title = `${mask} of ${sparsity} zero in conv ${taps}×${taps} ${i}→${o} at ${size}, stride ${stride}`;
      const dense = micro(title, (g) => g.conv(g.input([1, i, size, size]), o, i, taps, stride));
      return { ...dense, sparse: true, graph: () => withZeros(dense.graph(), shape, sparsity) };
    }),
  ),
  ...[
    [1, 1280, 1000],
    [1, 512, 256],
    [196, 192, 768],
    [49, 448, 448],
  ].flatMap(([m, k, n]) =>
    [masks[1]!, masks[3]!].map(([mask, shape, sparsity]) => {
      const dense = micro(`${mask} of ${sparsity} zero in linear ${m}×${k}→${n}`, (g) =>
        g.linear(g.input([m!, k!]), n!, k!),
      );
      return { ...dense, sparse: true, graph: () => withZeros(dense.graph(), shape, sparsity) };
    }),
  ),
];

/** Every graph of a calibration. */
export const microKernels: readonly MicroKernel[] = [...single, ...sparse, ...networks];
