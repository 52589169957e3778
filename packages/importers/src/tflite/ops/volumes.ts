// Convolutions over volumes.

import type { Node } from '@espalier/ir';
import { conv3d, convTranspose3d, type VolumeSlide } from '../../tensorflow/volumes.ts';
import type { Operators, Site } from '../operator.ts';
import type { Options } from '../options.ts';

const options: Options = {
  table: 106,
  fields: {
    padding: [0, ['SAME', 'VALID']],
    stride_d: [1, 'int32'],
    stride_w: [2, 'int32'],
    stride_h: [3, 'int32'],
    activation: [4, 'int8'],
    dilation_d: [5, 'int32', 1],
    dilation_w: [6, 'int32', 1],
    dilation_h: [7, 'int32', 1],
  },
};

function slideOf(site: Site): VolumeSlide {
  const along = (what: string) =>
    ['d', 'h', 'w'].map((axis) => {
      const value = site.attributes.int(`${what}_${axis}`, 1);
      if (value < 1 || value > 2 ** 20) throw site.bad(`${what}_${axis} is ${value}`);
      return value;
    });
  const padding = site.attributes.text('padding', 'SAME') === 'SAME' ? 'SAME' : 'VALID';
  return { stride: along('stride'), dilation: along('dilation'), padding };
}

/** The adjoint of a convolution to volumes of a given size. */
function up(site: Site): Node {
  const size = site.numbers(0);
  const filter = site.input(1);
  if (size.length !== 5 || filter.type.shape.length !== 5)
    throw site.bad(`a result of [${size.join(', ')}]`);
  const slide = slideOf(site);
  const inner = size.slice(1, 4);
  // TensorFlow's padding is that of the convolution whose adjoint this is.
  const beyond = inner.map((extent, i) => {
    const [kernel, stride] = [filter.type.shape[i]!, slide.stride[i]!];
    const reach = slide.dilation[i]! * (kernel - 1) + 1;
    return slide.padding === 'SAME'
      ? Math.ceil(extent / stride)
      : Math.floor((extent - reach) / stride) + 1;
  });
  const x = site.input(2);
  if (beyond.some((extent, i) => extent !== x.type.shape[i + 1]))
    throw site.bad(`volumes [${x.type.shape.join(', ')}] to [${size.join(', ')}]`);
  return convTranspose3d(site, { x, filter, bias: site.optional(3) }, slide, inner);
}

/** Convolutions over volumes, by name. */
export const volumes: Operators = {
  CONV_3D: {
    options,
    import: (site) =>
      conv3d(
        site,
        { x: site.input(0), filter: site.input(1), bias: site.optional(2) },
        slideOf(site),
      ),
  },
  CONV_3D_TRANSPOSE: { options, import: up },
};
