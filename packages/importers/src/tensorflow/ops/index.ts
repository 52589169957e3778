// The table of TensorFlow's operators. A new one is a line in a file of this folder.

import { convolutions } from './convolutions.ts';
import { crops } from './crops.ts';
import { dynamic } from './dynamic.ts';
import { elementwise } from './elementwise.ts';
import { images } from './images.ts';
import { maxima } from './maxima.ts';
import { movers } from './movers.ts';
import { normalizations } from './normalizations.ts';
import type { Operator, Operators } from './operator.ts';
import { places } from './places.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { selections } from './selections.ts';
import { shapes } from './shapes.ts';
import { volumes } from './volumes.ts';

const families: Operators = {
  ...convolutions,
  ...crops,
  ...dynamic,
  ...elementwise,
  ...images,
  ...maxima,
  ...movers,
  ...normalizations,
  ...places,
  ...products,
  ...reductions,
  ...selections,
  ...shapes,
  ...volumes,
};

/** The importer of an operator, if there is one. */
export const operatorOf = (op: string): Operator | undefined =>
  Object.hasOwn(families, op) ? families[op] : undefined;

/** The names of all operators that have importers here, sorted. */
export const importedTfOps = (): string[] => Object.keys(families).sort();
