// Operators that have no importer: all of a model's are found before any is imported.

import type { Location } from '@espalier/ir';
import { unsupportedOp } from '../errors.ts';
import type { Call } from './flatten.ts';
import { importerOf, sinceOf } from './ops/index.ts';

/** Every operator without an importer, in words, with the calls of it; those in the bodies of loops too. */
export function unknownOps(calls: readonly Call[]): ReadonlyMap<string, readonly Call[]> {
  const unknown = new Map<string, Call[]>();
  const visit = (call: Call) => {
    const { op, domain, opset, label, bodies } = call;
    const importer = importerOf(op, domain);
    if (importer === undefined || opset < sinceOf(importer, domain)) {
      const key = `${domain && `${domain}.`}${op} (opset ${opset})`;
      const list = unknown.get(key) ?? [];
      unknown.set(key, list);
      list.push(call);
    }
    // Of branches only the one that is taken matters, and which one that is comes out later.
    if (op !== 'If')
      for (const [name, body] of bodies) body.expand([], `${label}/${name}`).calls.forEach(visit);
  };
  calls.forEach(visit);
  return unknown;
}

/**
 * Lists every operator without an importer, with its nodes; those in the bodies of loops
 * too.
 *
 * @throws {EspalierError} UNSUPPORTED_OP
 */
export function refuseUnknown(calls: readonly Call[], at: Location): void {
  const unknown = unknownOps(calls);
  if (unknown.size > 0)
    throw unsupportedOp(
      [...unknown].map(([key, uses]) => `${key}: ${uses.map(({ label }) => label).join(', ')}`),
      at,
    );
}
