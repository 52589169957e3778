// Operators of `com.microsoft`: what ONNX Runtime's optimiser and quantiser write.

import type { Importers } from '../../importer.ts';
import { sampling } from '../grid-sample.ts';
import { places } from '../places.ts';
import { quantizations } from '../quantize.ts';
import { activations } from './activations.ts';
import { attentions } from './attention.ts';
import { layers } from './layers.ts';
import { norms } from './norms.ts';
import { quantized8 } from './quantized.ts';

/** Importers of the domain `com.microsoft`, by name. */
export const microsoft: Importers = {
  ...activations,
  ...attentions,
  ...layers,
  ...norms,
  ...quantized8,
  DequantizeLinear: quantizations.DequantizeLinear!,
  GridSample: sampling.GridSample!,
  QuantizeLinear: quantizations.QuantizeLinear!,
  Trilu: places.Trilu!,
};
