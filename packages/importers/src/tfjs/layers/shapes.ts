// Layers that join, cut, pad and reorder.

import { elementCount, type Node } from '@espalier/ir';
import { closeShape, resolveAxis, sliceAxis } from '../../tensorflow/room.ts';
import { depthToSpace2d, type Pair, resize2d } from '../../tensorflow/windows.ts';
import { asList, asWhole, field, isList } from '../json.ts';
import {
  type CustomLayer,
  type CustomLayers,
  flagOf,
  formatOf,
  type LayerSite,
  numberOf,
  pairOf,
  wordOf,
} from './layer.ts';

/** Operands of one rank: Keras puts missing axes after the batch. */
function levelled({ b, inputs }: LayerSite): Node[] {
  const rank = Math.max(...inputs.map(({ type }) => type.shape.length));
  return inputs.map((input) => {
    const [n, ...rest] = input.type.shape;
    const missing = rank - input.type.shape.length;
    if (missing === 0 || n === undefined) return input;
    return b.reshape(input, { shape: [n, ...new Array<number>(missing).fill(1), ...rest] });
  });
}

const merge =
  (fn: 'add' | 'mul' | 'max' | 'min'): CustomLayer =>
  (site) =>
    levelled(site).reduce((a, c) => site.b.scalar(fn, a, c));

/** Rows before and after, columns before and after. */
function margins(site: LayerSite, name: string): readonly [Pair, Pair] {
  const value = field(site.config, name) ?? 1;
  const list = isList(value) ? value : [value, value];
  const [rows, columns] = list.map((item): Pair => {
    const both = isList(item) ? item : [item, item];
    const [before, after] = both.map((n) => asWhole(n, name, site.at));
    if (before === undefined || after === undefined || before < 0 || after < 0)
      throw site.bad(`${name} is ${JSON.stringify(value)}`);
    return [before, after];
  });
  if (!rows || !columns) throw site.bad(`${name} is ${JSON.stringify(value)}`);
  return [rows, columns];
}

const firstSpatial = (site: LayerSite): 1 | 2 => (formatOf(site) === 'NHWC' ? 1 : 2);

const zeroPad: CustomLayer = (site) => {
  const x = site.input(0);
  const around = margins(site, 'padding');
  const first = firstSpatial(site);
  const at = (side: 0 | 1) => x.type.shape.map((_, axis) => around[axis - first]?.[side] ?? 0);
  return site.b.pad(x, { before: at(0), after: at(1), value: 0 });
};

const crop: CustomLayer = (site) =>
  margins(site, 'cropping').reduce((node, [before, after], i) => {
    const axis = firstSpatial(site) + i;
    const extent = node.type.shape[axis] ?? 0;
    return sliceAxis(site, node, axis, before, extent - before - after);
  }, site.input(0));

const upSample: CustomLayer = (site) => {
  const x = site.input(0);
  const factors = pairOf(site, 'size', [2, 2]);
  const first = firstSpatial(site);
  const mode = wordOf(site, 'interpolation', 'nearest');
  if (mode !== 'nearest' && mode !== 'bilinear') throw site.unsupported(`interpolation ${mode}`);
  const size = factors.map((factor, i) => factor * (x.type.shape[first + i] ?? 1));
  return resize2d(site, x, {
    mode: mode === 'nearest' ? 'nearest' : 'linear',
    size: [size[0]!, size[1]!],
    format: formatOf(site),
    corners: false,
    centres: false, // as TF.js resizes
  });
};

const flatten: CustomLayer = (site) => {
  const x = site.input(0);
  const [n = 1, ...rest] = x.type.shape;
  // Keras flattens in the order of channels last, whatever the format.
  const last = formatOf(site) === 'NCHW' && rest.length > 1;
  const order = x.type.shape.map((_, axis) => axis);
  const perm = [0, ...order.slice(2), 1];
  return site.b.reshape(last ? site.b.transpose(x, { perm }) : x, {
    shape: [n, elementCount(rest)],
  });
};

const reshape: CustomLayer = (site) => {
  const x = site.input(0);
  const [n = 1, ...rest] = x.type.shape;
  const target = asList(field(site.config, 'target_shape'), 'target_shape', site.at).map((extent) =>
    asWhole(extent ?? -1, 'target_shape', site.at),
  );
  return site.b.reshape(x, { shape: [n, ...closeShape(site, target, elementCount(rest))] });
};

const permute: CustomLayer = (site) => {
  const x = site.input(0);
  const dims = asList(field(site.config, 'dims'), 'dims', site.at).map((axis) =>
    asWhole(axis, 'dims', site.at),
  );
  return site.b.transpose(x, { perm: [0, ...dims] });
};

const concat: CustomLayer = (site) => {
  const [first] = site.inputs;
  const axis = resolveAxis(site, numberOf(site, 'axis', -1), first?.type.shape.length ?? 0);
  return site.b.concat(site.inputs, { axis });
};

/** The operand with the axis that is multiplied last, and the others after the batch flat: `[N, M, K]`. */
function rowsOf(site: LayerSite, x: Node, axis: number, normalize: boolean): Node {
  const { b } = site;
  const { shape } = x.type;
  const others = [...shape.keys()].filter((i) => i > 0 && i !== axis);
  const moved = b.transpose(x, { perm: [0, ...others, axis] });
  const [n, k] = [shape[0]!, shape[axis]!];
  const rows = b.reshape(moved, { shape: [n, others.reduce((m, i) => m * shape[i]!, 1), k] });
  if (!normalize) return rows;
  // To length 1, as Keras does, which keeps roots off 0.
  const squares = b.scalar('mul', rows, rows);
  const sum = b.reduce(squares, { kind: 'sum', axes: [2], keepDims: true });
  return b.scalar('div', rows, b.scalar('sqrt', b.scalar('max', sum, b.value(1e-12))));
}

/** Products along an axis of each operand: what is left of the one, then what is left of the other. */
const dot: CustomLayer = (site) => {
  const { b } = site;
  const [x, y] = [site.input(0), site.input(1)];
  const given = field(site.config, 'axes') ?? -1;
  const [i, j] = (isList(given) ? given : [given, given]).map((axis) =>
    asWhole(axis, 'axes', site.at),
  );
  const axes = [x, y].map(({ type }, k) =>
    resolveAxis(site, (k === 0 ? i : j) ?? -1, type.shape.length),
  );
  if (axes.includes(0)) throw site.unsupported('a dot product along the batch');
  const normalize = flagOf(site, 'normalize', false);
  const rows = rowsOf(site, x, axes[0]!, normalize);
  const columns = b.transpose(rowsOf(site, y, axes[1]!, normalize), { perm: [0, 2, 1] });
  const left = (node: Node, axis: number) => node.type.shape.filter((_, k) => k > 0 && k !== axis);
  const shape = [x.type.shape[0]!, ...left(x, axes[0]!), ...left(y, axes[1]!)];
  const product = b.matmul(rows, columns);
  return b.reshape(product, { shape: shape.length === 1 ? [...shape, 1] : shape });
};

/** Height and width of a configuration. */
function sizeOf(site: LayerSite): Pair {
  const [height, width] = ['height', 'width'].map((name) => numberOf(site, name, 0));
  if (!(height! >= 1 && width! >= 1 && height! <= 2 ** 15 && width! <= 2 ** 15))
    throw site.bad(`an image of ${height} by ${width}`);
  return [height!, width!];
}

const resizing: CustomLayer = (site) => {
  const mode = wordOf(site, 'interpolation', 'bilinear');
  if (mode !== 'nearest' && mode !== 'bilinear') throw site.unsupported(`interpolation ${mode}`);
  if (flagOf(site, 'crop_to_aspect_ratio', false)) throw site.unsupported('crop_to_aspect_ratio');
  return resize2d(site, site.input(0), {
    mode: mode === 'nearest' ? 'nearest' : 'linear',
    size: sizeOf(site),
    format: 'NHWC',
    corners: false,
    centres: true,
  });
};

/** The middle of an image; a smaller one is resized. */
const centerCrop: CustomLayer = (site) => {
  const x = site.input(0);
  const size = sizeOf(site);
  const [, h = 0, w = 0] = x.type.shape;
  if (h < size[0] || w < size[1])
    return resize2d(site, x, {
      mode: 'linear',
      size,
      format: 'NHWC',
      corners: false,
      centres: false,
    });
  const row = Math.floor((h - size[0]) / 2);
  const column = Math.floor((w - size[1]) / 2);
  return sliceAxis(site, sliceAxis(site, x, 1, row, size[0]), 2, column, size[1]);
};

/** Layers by class. */
export const shapes: CustomLayers = {
  Add: merge('add'),
  Average: (site) =>
    site.b.scalar(
      'mul',
      levelled(site).reduce((a, c) => site.b.scalar('add', a, c)),
      site.b.value(1 / site.inputs.length),
    ),
  CenterCrop: centerCrop,
  Concatenate: concat,
  Cropping2D: crop,
  Dot: dot,
  Flatten: flatten,
  Maximum: merge('max'),
  Minimum: merge('min'),
  Multiply: merge('mul'),
  Permute: permute,
  Reshape: reshape,
  Resizing: resizing,
  Subtract: (site) => {
    const [a, c] = levelled(site);
    if (!a || !c) throw site.bad('a difference of one operand');
    return site.b.scalar('sub', a, c);
  },
  UpSampling2D: upSample,
  ZeroPadding2D: zeroPad,
};

/** The pixel shuffle of a factor, as super-resolution networks add it. */
export const pixelShuffle =
  (block: number): CustomLayer =>
  (site) =>
    depthToSpace2d(site, site.input(0), block, formatOf(site));
