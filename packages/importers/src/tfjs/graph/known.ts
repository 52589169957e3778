// Which operators graph models may have.

import { importedTfOps, operatorOf } from '../../tensorflow/ops/index.ts';
import { control } from './control.ts';
import { lists } from './lists.ts';
import type { GraphOperator } from './site.ts';
import { spectra } from './spectra.ts';

const families = { ...control, ...lists, ...spectra };

/** Operators that stand for values from outside. */
export const placeholders: readonly string[] = ['Placeholder', 'PlaceholderWithDefault'];

/** Operators that are no calls, or belong to the order in which nodes run. */
const structure = ['Const', 'Exit', 'Merge', ...placeholders];

/** The importer of an operator that takes more than tensors, if it is one. */
export const graphOperatorOf = (op: string): GraphOperator | undefined =>
  Object.hasOwn(families, op) ? families[op] : undefined;

/** Whether an operator has an importer. */
export const isKnown = (op: string): boolean =>
  structure.includes(op) || graphOperatorOf(op) !== undefined || operatorOf(op) !== undefined;

/** The names of all operators that graph models may have, sorted. */
export const importedTfjsOps = (): string[] =>
  [...new Set([...importedTfOps(), ...Object.keys(families), ...structure])].sort();
