// The table of TensorFlow Lite's operators. A new one is a line in a file of this folder.

import type { Operator, Operators } from '../operator.ts';
import { convolutions } from './convolutions.ts';
import { detections, detectors } from './detections.ts';
import { elementwise } from './elementwise.ts';
import { mediapipe } from './mediapipe.ts';
import { movers } from './movers.ts';
import { recurrent } from './recurrent.ts';
import { reductions } from './reductions.ts';
import { volumes } from './volumes.ts';

const builtin: Operators = {
  ...convolutions,
  ...detections,
  ...elementwise,
  ...movers,
  ...recurrent,
  ...reductions,
  ...volumes,
};

/** Operators with a name of their own. */
const custom: Operators = { ...detectors, ...mediapipe };

/** The importer of an operator, if there is one. */
export function operatorOf(op: string, isCustom: boolean): Operator | undefined {
  const table = isCustom ? custom : builtin;
  return Object.hasOwn(table, op) ? table[op] : undefined;
}

/** An operator that can be imported. */
export interface ImportedTfliteOp {
  readonly operator: string;
  readonly custom: boolean;
  readonly note: string;
}

const listed = (table: Operators, isCustom: boolean): ImportedTfliteOp[] =>
  Object.entries(table)
    .map(([operator, { note = '' }]) => ({ operator, custom: isCustom, note }))
    .sort((a, b) => (a.operator < b.operator ? -1 : 1));

/** Every operator that can be imported, sorted. */
export const importedTfliteOps: readonly ImportedTfliteOp[] = [
  ...listed(builtin, false),
  ...listed(custom, true),
];
