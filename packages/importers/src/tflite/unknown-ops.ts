// Operators that have no importer: all of a model's are found before any is imported.

import type { Location } from '@espalier/ir';
import { unsupportedOp } from '../errors.ts';
import { operatorOf } from './ops/index.ts';
import type { DeclaredOperator } from './read.ts';

/** The operators without an importer, by name. */
export function unknownOps(
  operators: readonly DeclaredOperator[],
): ReadonlyMap<string, readonly DeclaredOperator[]> {
  const unknown = new Map<string, DeclaredOperator[]>();
  for (const operator of operators) {
    const { op, custom } = operator;
    if (operatorOf(op, custom)) continue;
    const key = custom ? `${op} (custom)` : op;
    const uses = unknown.get(key) ?? [];
    unknown.set(key, uses);
    uses.push(operator);
  }
  return unknown;
}

/** Lists every operator without an importer. @throws {EspalierError} UNSUPPORTED_OP */
export function refuseUnknown(operators: readonly DeclaredOperator[], at: Location): void {
  const unknown = unknownOps(operators);
  if (unknown.size === 0) return;
  const uses = [...unknown].map(
    ([key, all]) => `${key}: ${all.map(({ label }) => label).join(', ')}`,
  );
  throw unsupportedOp(uses, at, 'packages/importers/src/tflite/ops');
}
