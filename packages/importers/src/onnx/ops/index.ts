// The ONNX operators that can be imported, by name.

import type { Importer, Importers } from '../importer.ts';
import { attentions } from './attention.ts';
import { bits } from './bits.ts';
import { casts } from './cast.ts';
import { patches } from './col2im.ts';
import { combine } from './combine.ts';
import { constants } from './constants.ts';
import { control } from './control.ts';
import { convs } from './conv.ts';
import { convTransposes } from './conv-transpose.ts';
import { einsums } from './einsum.ts';
import { sampling } from './grid-sample.ts';
import { integerProducts } from './integer-products.ts';
import { microsoft } from './microsoft/index.ts';
import { simplified } from './microsoft/norms.ts';
import { classical } from './ml/index.ts';
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
import { signals } from './signal.ts';
import { softmaxes } from './softmax.ts';
import { trigonometry } from './trigonometry.ts';
import { unary } from './unary.ts';

const importers: Importers = {
  ...simplified,
  ...attentions,
  ...bits,
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
  ...patches,
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
  ...signals,
  ...softmaxes,
  ...trigonometry,
  ...unary,
};

/** Importers by domain, then by name. */
const domains: Readonly<Record<string, Importers>> = {
  '': importers,
  'ai.onnx.ml': classical,
  'com.microsoft': microsoft,
};

/** The importer of an operator; `undefined` if there is none. */
export function importerOf(op: string, domain: string): Importer | undefined {
  const own = Object.hasOwn(domains, domain) ? domains[domain] : undefined;
  return own && Object.hasOwn(own, op) ? own[op] : undefined;
}

/** An operator that can be imported. */
export interface ImportedOp {
  readonly operator: string;
  /** Empty for ONNX's own. */
  readonly domain: string;
  /** The first version of the operator set that its importer follows. */
  readonly since: number;
  readonly note: string;
}

/** Every operator that can be imported, sorted. */
export const importedOps: readonly ImportedOp[] = Object.entries(domains).flatMap(([domain, own]) =>
  Object.entries(own)
    .map(([operator, importer]) => ({
      operator,
      domain,
      since: sinceOf(importer, domain),
      note: importer.note ?? '',
    }))
    .sort((a, b) => (a.operator < b.operator ? -1 : 1)),
);

/** The first operator set with importers, unless one says otherwise. What a set beyond 23 changes is taken to be nothing. */
export function sinceOf({ since }: Importer, domain: string): number {
  return since ?? (domain === '' ? 7 : 1);
}
