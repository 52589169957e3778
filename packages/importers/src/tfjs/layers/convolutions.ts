// Layers that slide windows over images and sequences.

import type { Node } from '@espalier/ir';
import { resolveAxis } from '../../tensorflow/room.ts';
import { conv3d, convTranspose3d, pool3d, type VolumeSlide } from '../../tensorflow/volumes.ts';
import {
  conv2d,
  convTranspose2d,
  depthwiseConv2d,
  pool2d,
  type Slide,
} from '../../tensorflow/windows.ts';
import { asWhole, field, isList } from '../json.ts';
import {
  activated,
  type CustomLayer,
  type CustomLayers,
  flagOf,
  formatOf,
  type LayerSite,
  pairOf,
  wordOf,
} from './layer.ts';
import { slideOf } from './slide.ts';

const biasOf = (site: LayerSite): Node | undefined =>
  flagOf(site, 'use_bias', true) ? site.weight('bias') : undefined;

const finish = (site: LayerSite, y: Node): Node =>
  activated(site, y, wordOf(site, 'activation', 'linear'));

/** A sequence as an image of one row. */
function asImage(site: LayerSite, x: Node): Node {
  if (x.type.shape.length !== 3) throw site.bad(`a sequence of rank ${x.type.shape.length}`);
  const at = formatOf(site) === 'NHWC' ? 1 : 2;
  return site.b.reshape(x, { shape: x.type.shape.toSpliced(at, 0, 1) });
}

function asSequence(site: LayerSite, y: Node): Node {
  const at = formatOf(site) === 'NHWC' ? 1 : 2;
  return site.b.reshape(y, { shape: y.type.shape.toSpliced(at, 1) });
}

const conv: CustomLayer = (site) => {
  const given = { x: site.input(0), filter: site.weight('kernel'), bias: biasOf(site) };
  return finish(site, conv2d(site, given, slideOf(site)));
};

const conv1d: CustomLayer = (site) => {
  const kernel = site.weight('kernel');
  const filter = site.b.reshape(kernel, { shape: [1, ...kernel.type.shape] });
  const slide = slideOf(site);
  // Causal: an output sees nothing that comes after it.
  const reach = (kernel.type.shape[0]! - 1) * slide.dilation[1];
  const causal = wordOf(site, 'padding', 'valid') === 'causal';
  const padding = causal
    ? ([
        [0, 0],
        [reach, 0],
      ] as const)
    : slide.padding;
  const given = { x: asImage(site, site.input(0)), filter, bias: biasOf(site) };
  return finish(site, asSequence(site, conv2d(site, given, { ...slide, padding })));
};

const depthwise: CustomLayer = (site) => {
  const filter = site.weight('depthwise_kernel');
  const given = { x: site.input(0), filter, bias: biasOf(site) };
  return finish(site, depthwiseConv2d(site, given, slideOf(site)));
};

const separable: CustomLayer = (site) => {
  const slide = slideOf(site);
  const given = { x: site.input(0), filter: site.weight('depthwise_kernel') };
  const x = depthwiseConv2d(site, given, slide);
  const one: Slide = { ...slide, stride: [1, 1], dilation: [1, 1], padding: 'VALID' };
  const filter = site.weight('pointwise_kernel');
  return finish(site, conv2d(site, { x, filter, bias: biasOf(site) }, one));
};

const transposedConv: CustomLayer = (site) => {
  const slide = slideOf(site);
  const x = site.input(0);
  const filter = site.weight('kernel');
  const rows = slide.format === 'NHWC' ? 1 : 2;
  const size = ([0, 1] as const).map((axis) => {
    const [input, stride] = [x.type.shape[rows + axis] ?? 1, slide.stride[axis]];
    const more = Math.max(0, filter.type.shape[axis]! - stride);
    return input * stride + (slide.padding === 'SAME' ? 0 : more);
  });
  const given = { x, filter, bias: biasOf(site) };
  return finish(site, convTranspose2d(site, given, slide, [size[0]!, size[1]!]));
};

const pool =
  (kind: 'max' | 'average'): CustomLayer =>
  (site) => {
    const kernel = pairOf(site, 'pool_size', [2, 2]);
    return pool2d(site, kind, site.input(0), kernel, slideOf(site, kernel));
  };

const pool1d =
  (kind: 'max' | 'average'): CustomLayer =>
  (site) => {
    const kernel = pairOf(site, 'pool_size', [1, 2]);
    const line = [1, kernel[1]] as const;
    const stride = [1, pairOf(site, 'strides', line)[1]] as const;
    const slide = { ...slideOf(site, line), stride };
    return asSequence(site, pool2d(site, kind, asImage(site, site.input(0)), line, slide));
  };

const globalPool =
  (kind: 'max' | 'average'): CustomLayer =>
  (site) => {
    const x = site.input(0);
    const rank = x.type.shape.length;
    const channels = resolveAxis(site, formatOf(site) === 'NHWC' ? -1 : 1, rank);
    const axes = x.type.shape
      .map((_, axis) => axis)
      .filter((axis) => axis > 0 && axis !== channels);
    const keepDims = flagOf(site, 'keepdims', false);
    return kind === 'max'
      ? site.b.reduce(x, { kind: 'max', axes, keepDims })
      : site.b.mean(x, { axes, keepDims });
  };

/** Three numbers, or one for all. */
function triple(site: LayerSite, name: string, fallback: readonly number[]): readonly number[] {
  const value = field(site.config, name);
  if (value === undefined) return fallback;
  const list = (isList(value) ? value : [value, value, value]).map((item) =>
    asWhole(item, name, site.at),
  );
  if (list.length !== 3 || list.some((item) => item < 1 || item > 2 ** 20))
    throw site.bad(`${name} is ${JSON.stringify(value)}`);
  return list;
}

function volumeSlideOf(site: LayerSite, stride: readonly number[]): VolumeSlide {
  if (formatOf(site) === 'NCHW') throw site.unsupported('volumes with channels first');
  const padding = wordOf(site, 'padding', 'valid');
  if (padding !== 'valid' && padding !== 'same') throw site.unsupported(`padding ${padding}`);
  return {
    stride: triple(site, 'strides', stride),
    dilation: triple(site, 'dilation_rate', [1, 1, 1]),
    padding: padding === 'same' ? 'SAME' : 'VALID',
  };
}

const volumes: CustomLayer = (site) => {
  const given = { x: site.input(0), filter: site.weight('kernel'), bias: biasOf(site) };
  return finish(site, conv3d(site, given, volumeSlideOf(site, [1, 1, 1])));
};

const transposedVolumes: CustomLayer = (site) => {
  const slide = volumeSlideOf(site, [1, 1, 1]);
  const x = site.input(0);
  const filter = site.weight('kernel');
  if (x.type.shape.length !== 5 || filter.type.shape.length !== 5)
    throw site.bad(`a volume of rank ${x.type.shape.length}`);
  const size = slide.stride.map((stride, axis) => {
    const more = Math.max(0, filter.type.shape[axis]! - stride);
    return x.type.shape[1 + axis]! * stride + (slide.padding === 'SAME' ? 0 : more);
  });
  return finish(site, convTranspose3d(site, { x, filter, bias: biasOf(site) }, slide, size));
};

const volumePool =
  (kind: 'max' | 'average'): CustomLayer =>
  (site) => {
    const kernel = triple(site, 'pool_size', [2, 2, 2]);
    return pool3d(site, kind, site.input(0), kernel, volumeSlideOf(site, kernel));
  };

/** Layers with windows, by class. */
export const convolutions: CustomLayers = {
  AveragePooling1D: pool1d('average'),
  AveragePooling2D: pool('average'),
  AveragePooling3D: volumePool('average'),
  Conv1D: conv1d,
  Conv2D: conv,
  Conv2DTranspose: transposedConv,
  Conv3D: volumes,
  Conv3DTranspose: transposedVolumes,
  DepthwiseConv2D: depthwise,
  GlobalAveragePooling1D: globalPool('average'),
  GlobalAveragePooling2D: globalPool('average'),
  GlobalMaxPooling1D: globalPool('max'),
  GlobalMaxPooling2D: globalPool('max'),
  MaxPooling1D: pool1d('max'),
  MaxPooling2D: pool('max'),
  MaxPooling3D: volumePool('max'),
  SeparableConv2D: separable,
};
