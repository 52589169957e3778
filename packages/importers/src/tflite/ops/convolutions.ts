// Convolutions, pools and fully connected layers.

import { elementCount, type Node } from '@espalier/ir';
import { reshaped, resolveAxis, transposed, zeros } from '../../tensorflow/room.ts';
import { convolve, type Pair, pool2d, type Slide, upConvolve } from '../../tensorflow/windows.ts';
import type { Operators, Site } from '../operator.ts';
import type { Options } from '../options.ts';
import { biasOf, codesOf, toCodes } from './sums.ts';

const padding = ['SAME', 'VALID'] as const;

/** Whole numbers that no sound model exceeds. */
function count(site: Site, name: string): number {
  const value = site.attributes.int(name, 1);
  if (value < 1 || value > 2 ** 20) throw site.bad(`${name} is ${value}`);
  return value;
}

function slideOf(site: Site): Slide {
  const same = site.attributes.text('padding', 'SAME') === 'SAME';
  return {
    format: 'NHWC',
    stride: [count(site, 'stride_h'), count(site, 'stride_w')],
    dilation: [count(site, 'dilation_h'), count(site, 'dilation_w')],
    padding: same ? 'SAME' : 'VALID',
  };
}

/** A filter with its axes in another order. */
function filterAs(site: Site, filter: Node, perm: readonly number[]): Node {
  if (filter.type.shape.length !== 4)
    throw site.bad(`a filter of rank ${filter.type.shape.length}`);
  return transposed(site, filter, perm);
}

/** A convolution with a filter `[O, R, S, I]`. */
const conv = (site: Site, x: Node, filter: Node, bias: Node | undefined): Node =>
  convolve(site, { x, filter: filterAs(site, filter, [0, 3, 1, 2]), bias }, slideOf(site));

/** A convolution of each channel with a filter `[1, R, S, C · M]`. */
const depthwise = (site: Site, x: Node, filter: Node, bias: Node | undefined): Node =>
  convolve(site, { x, filter: filterAs(site, filter, [3, 0, 1, 2]), bias }, slideOf(site));

/** `[…, K]` by weights `[O, K]`; what is before K is one axis, unless the model keeps it. */
function dense(site: Site, x: Node, weights: Node, bias: Node | undefined): Node {
  const [o, k] = weights.type.shape;
  const { shape } = x.type;
  if (o === undefined || k === undefined || weights.type.shape.length !== 2)
    throw site.bad(`weights of rank ${weights.type.shape.length}`);
  if (site.attributes.int('weights_format', 0) !== 0) throw site.unsupported('shuffled weights');
  const kept = site.attributes.flag('keep_num_dims', false) && shape.at(-1) === k;
  const rows = elementCount(shape) / Math.max(1, k);
  const flat = kept ? x : reshaped(site, x, [rows, k]);
  return site.b.linear(flat, weights, bias ?? zeros(site, o));
}

type Product = (site: Site, x: Node, weights: Node, bias: Node | undefined) => Node;

/** A product of operands 0 and 1 with the bias 2; the scales of codes go along `axis` of the weights. */
const product = (options: Options, axis: number, run: Product) => ({
  options,
  import: (site: Site) => run(site, site.input(0), site.input(1), biasOf(site, 2, 0, 1)),
  codes(site: Site) {
    const given = codesOf(site, axis);
    return given && toCodes(site, run(site, given.x, given.weights, given.bias), given.scales);
  },
});

/** The adjoint of a convolution to images of a given size, with its filter `[O, R, S, I]`. */
function up(site: Site, x: Node, filter: Node, bias: Node | undefined): Node {
  const [, h, w] = site.numbers(0);
  if (h === undefined || w === undefined || h < 0 || w < 0)
    throw site.bad(`a result of [${site.numbers(0).join(', ')}]`);
  const weights = filterAs(site, filter, [3, 0, 1, 2]);
  return upConvolve(site, { x, filter: weights, bias }, slideOf(site), [h, w]);
}

const kernelOf = (site: Site): Pair => [count(site, 'filter_height'), count(site, 'filter_width')];

const pool = (kind: 'max' | 'average') => (site: Site) =>
  pool2d(site, kind, site.input(0), kernelOf(site), slideOf(site));

/** The root of the mean square of each window. */
function squarePool(site: Site): Node {
  const { b } = site;
  const x = site.input(0);
  return b.scalar(
    'sqrt',
    pool2d(site, 'average', b.scalar('mul', x, x), kernelOf(site), slideOf(site)),
  );
}

/** Products of matrices; of the batched ones an operand may be transposed. */
function matmul(site: Site): Node {
  const side = (i: number, swap: boolean): Node => {
    const x = site.input(i);
    const last = resolveAxis(site, -1, x.type.shape.length);
    if (last < 1) throw site.bad(`a product of a rank ${last + 1} tensor`);
    const axes = x.type.shape.map((_, axis) => axis);
    return swap ? transposed(site, x, [...axes.slice(0, -2), last, last - 1]) : x;
  };
  const { attributes } = site;
  return site.b.matmul(
    side(0, attributes.flag('adj_x', false)),
    side(1, attributes.flag('adj_y', false)),
  );
}

const window = { padding: [0, padding], stride_w: [1, 'int32'], stride_h: [2, 'int32'] } as const;

const poolOptions: Options = {
  table: 5,
  fields: {
    ...window,
    filter_width: [3, 'int32'],
    filter_height: [4, 'int32'],
    activation: [5, 'int8'],
  },
};

/** Convolutions, pools and products, by name. */
export const convolutions: Operators = {
  AVERAGE_POOL_2D: { options: poolOptions, import: pool('average') },
  BATCH_MATMUL: {
    options: { table: 101, fields: { adj_x: [0, 'int8'], adj_y: [1, 'int8'] } },
    import: matmul,
  },
  CONV_2D: product(
    {
      table: 1,
      fields: {
        ...window,
        activation: [3, 'int8'],
        dilation_w: [4, 'int32', 1],
        dilation_h: [5, 'int32', 1],
      },
    },
    0,
    conv,
  ),
  DEPTHWISE_CONV_2D: product(
    {
      table: 2,
      fields: {
        ...window,
        activation: [4, 'int8'],
        dilation_w: [5, 'int32', 1],
        dilation_h: [6, 'int32', 1],
      },
    },
    3,
    depthwise,
  ),
  FULLY_CONNECTED: product(
    {
      table: 8,
      fields: { activation: [0, 'int8'], weights_format: [1, 'int8'], keep_num_dims: [2, 'int8'] },
    },
    0,
    dense,
  ),
  L2_POOL_2D: { options: poolOptions, import: squarePool },
  MAX_POOL_2D: { options: poolOptions, import: pool('max'), moves: true },
  TRANSPOSE_CONV: {
    options: { table: 49, fields: { ...window, activation: [3, 'int8'] } },
    import: (site) => up(site, site.input(2), site.input(1), biasOf(site, 3, 2, 1)),
  },
};
