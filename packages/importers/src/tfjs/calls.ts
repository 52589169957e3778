// The calls of operators and layers in a model, those that nothing imports among them.

import type { Location } from '@espalier/ir';
import { unsupportedOp } from '../errors.ts';
import type * as surveys from '../survey.ts';
import type { ModelPlan } from '../tensorflow/plan.ts';

/** A call of an operator or a layer. */
export interface Call extends surveys.Call {
  /** Whether it has an importer. */
  readonly known: boolean;
}

/** A call of the format's own. */
export const callOf = (op: string, label: string, known: boolean): Call => ({
  op,
  label,
  known,
  domain: '',
});

/** A plan that knows what it is made of. */
export interface CallPlan extends ModelPlan {
  readonly calls: readonly Call[];
  /** Where an importer that is missing would go. */
  readonly place: string;
}

/** The calls without an importer, by what they call. */
export function unknownCalls(calls: readonly Call[]): ReadonlyMap<string, readonly Call[]> {
  const unknown = new Map<string, Call[]>();
  for (const call of calls)
    if (!call.known) unknown.set(call.op, [...(unknown.get(call.op) ?? []), call]);
  return unknown;
}

/** Lists everything without an importer. @throws {EspalierError} UNSUPPORTED_OP */
export function refuseUnknown(
  { calls, place }: Pick<CallPlan, 'calls' | 'place'>,
  at: Location,
): void {
  const unknown = unknownCalls(calls);
  if (unknown.size === 0) return;
  const uses = [...unknown].map(
    ([op, list]) => `${op}: ${list.map(({ label }) => label).join(', ')}`,
  );
  throw unsupportedOp(uses, at, place);
}
