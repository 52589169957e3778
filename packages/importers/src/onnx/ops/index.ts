// The ONNX operators that can be imported, by name.

import type { Importer, Importers } from '../importer.ts';
import { attentions } from './attention.ts';
import { casts } from './cast.ts';
import { combine } from './combine.ts';
import { constants } from './constants.ts';
import { control } from './control.ts';
import { convs } from './conv.ts';
import { convTransposes } from './conv-transpose.ts';
import { einsums } from './einsum.ts';
import { sampling } from './grid-sample.ts';
import { integerProducts } from './integer-products.ts';
import { normalizations } from './normalizations.ts';
import { paddings } from './pad.ts';
import { places } from './places.ts';
import { pools } from './pools.ts';
import { products } from './products.ts';
import { quantizations } from './quantize.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reduce.ts';
import { resizes } from './resize.ts';
import { regions } from './roi-align.ts';
import { scatters } from './scatters.ts';
import { selection } from './select.ts';
import { sequences } from './sequences.ts';
import { shapes } from './shape.ts';
import { softmaxes } from './softmax.ts';
import { unary } from './unary.ts';

const importers: Importers = {
  ...attentions,
  ...casts,
  ...combine,
  ...constants,
  ...control,
  ...convTransposes,
  ...convs,
  ...einsums,
  ...integerProducts,
  ...normalizations,
  ...paddings,
  ...places,
  ...pools,
  ...products,
  ...quantizations,
  ...recurrent,
  ...reductions,
  ...regions,
  ...resizes,
  ...sampling,
  ...scatters,
  ...selection,
  ...sequences,
  ...shapes,
  ...softmaxes,
  ...unary,
};

/** The importer of an operator; `undefined` if there is none. */
export const importerOf = (op: string, domain: string): Importer | undefined =>
  domain === '' && Object.hasOwn(importers, op) ? importers[op] : undefined;

/** Names of all operators that can be imported, sorted. */
export const importedOps: readonly string[] = Object.keys(importers).sort();
