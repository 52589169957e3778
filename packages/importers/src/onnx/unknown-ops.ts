// Operators that have no importer: all of a model's are found before any is imported.

import type { Location } from '@espalier/ir';
import { unsupportedOp } from '../errors.ts';
import type { Call } from './flatten.ts';
import { importerOf } from './ops/index.ts';
import type { AttributeProto, GraphProto } from './proto/onnx_pb.ts';

/** The first operator set with importers. What a set beyond 23 changes is taken to be nothing. */
const oldestOpset = 7;

type Use = Pick<Call, 'op' | 'domain' | 'opset' | 'label'>;

/**
 * Lists every operator without an importer, with its nodes; those in the bodies of loops and
 * branches too.
 *
 * @throws {EspalierError} UNSUPPORTED_OP
 */
export function refuseUnknown(calls: readonly Call[], at: Location): void {
  const unknown = new Map<string, string[]>();
  const visit = (use: Use, attributes: readonly AttributeProto[]) => {
    const { op, domain, opset, label } = use;
    if (importerOf(op, domain) === undefined || opset < oldestOpset) {
      const key = `${domain && `${domain}.`}${op} (opset ${opset})`;
      const labels = unknown.get(key) ?? [];
      unknown.set(key, labels);
      labels.push(label);
    }
    for (const { g, graphs } of attributes)
      for (const body of g === undefined ? graphs : [g, ...graphs]) visitBody(body, use);
  };
  const visitBody = ({ node }: GraphProto, { label, opset }: Use) => {
    for (const { opType, name, output, domain, attribute } of node) {
      const own = name || output.find(Boolean) || opType;
      visit({ op: opType, domain, opset, label: `${label}/${own}` }, attribute);
    }
  };
  for (const call of calls) visit(call, call.attributes);
  if (unknown.size > 0)
    throw unsupportedOp(
      [...unknown].map(([key, labels]) => `${key}: ${labels.join(', ')}`),
      at,
    );
}
