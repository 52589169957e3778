// How the window of a layer slides.

import type { Pair, Slide } from '../../tensorflow/windows.ts';
import { formatOf, type LayerSite, pairOf, wordOf } from './layer.ts';

/** Strides, dilation and padding of a layer's configuration. @throws {EspalierError} BAD_MODEL, UNSUPPORTED_USE */
export function slideOf(site: LayerSite, stride: Pair = [1, 1]): Slide {
  const padding = wordOf(site, 'padding', 'valid');
  if (padding !== 'valid' && padding !== 'same' && padding !== 'causal')
    throw site.unsupported(`padding ${padding}`);
  return {
    format: formatOf(site),
    stride: pairOf(site, 'strides', stride),
    dilation: pairOf(site, 'dilation_rate', [1, 1]),
    padding: padding === 'same' ? 'SAME' : 'VALID',
  };
}
