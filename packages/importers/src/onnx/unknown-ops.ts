// Operators that have no importer: all of a model's are found before any is imported.

import type { Location } from '@espalier/ir';
import { unsupportedOp } from '../errors.ts';
import type { Call } from './flatten.ts';
import { importerOf } from './ops/index.ts';

/** The first operator set with importers, unless one says otherwise. What a set beyond 23 changes is taken to be nothing. */
const oldestOpset = 7;

/**
 * Lists every operator without an importer, with its nodes; those in the bodies of loops
 * too.
 *
 * @throws {EspalierError} UNSUPPORTED_OP
 */
export function refuseUnknown(calls: readonly Call[], at: Location): void {
  const unknown = new Map<string, string[]>();
  const visit = ({ op, domain, opset, label, bodies }: Call) => {
    const importer = importerOf(op, domain);
    const since = importer?.since ?? (domain === '' ? oldestOpset : 1);
    if (importer === undefined || opset < since) {
      const key = `${domain && `${domain}.`}${op} (opset ${opset})`;
      const labels = unknown.get(key) ?? [];
      unknown.set(key, labels);
      labels.push(label);
    }
    // Of branches only the one that is taken matters, and which one that is comes out later.
    if (op !== 'If')
      for (const [name, body] of bodies) body.expand([], `${label}/${name}`).calls.forEach(visit);
  };
  calls.forEach(visit);
  if (unknown.size > 0)
    throw unsupportedOp(
      [...unknown].map(([key, labels]) => `${key}: ${labels.join(', ')}`),
      at,
    );
}
