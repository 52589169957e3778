// The ONNX operators that can be imported, by name.

import type { Importer, Importers } from '../importer.ts';
import { casts } from './cast.ts';
import { combine } from './combine.ts';
import { constants } from './constants.ts';
import { convs } from './conv.ts';
import { convTransposes } from './conv-transpose.ts';
import { normalizations } from './normalizations.ts';
import { paddings } from './pad.ts';
import { pools } from './pools.ts';
import { products } from './products.ts';
import { reductions } from './reduce.ts';
import { resizes } from './resize.ts';
import { selection } from './select.ts';
import { shapes } from './shape.ts';
import { softmaxes } from './softmax.ts';
import { unary } from './unary.ts';

const importers: Importers = {
  ...casts,
  ...combine,
  ...constants,
  ...convs,
  ...convTransposes,
  ...normalizations,
  ...paddings,
  ...pools,
  ...products,
  ...reductions,
  ...resizes,
  ...selection,
  ...shapes,
  ...softmaxes,
  ...unary,
};

/** The importer of an operator; `undefined` if there is none. */
export const importerOf = (op: string, domain: string): Importer | undefined =>
  domain === '' && Object.hasOwn(importers, op) ? importers[op] : undefined;

/** Names of all operators that can be imported, sorted. */
export const importedOps: readonly string[] = Object.keys(importers).sort();
