// Attributes of ops as text, the same text for equal attributes: for the printer and for interning.

import { type Scalar, showScalar } from './ops/scalar.ts';

/** `{axis: 1, pads: [0, 0, 0, 0]}`, keys in alphabetical order; `{}` where there are none. */
export function showAttrs(attrs: object): string {
  const entries = Object.entries(attrs)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${showValue(value)}`);
  return `{${entries.join(', ')}}`;
}

function showValue(value: unknown): string {
  if (typeof value === 'number') return showDouble(value);
  if (Array.isArray(value)) return `[${value.map(showValue).join(', ')}]`;
  if (isScalar(value)) return showScalar(value);
  return typeof value === 'object' && value !== null ? showAttrs(value) : String(value);
}

/** A double in full, as attributes are; `-0`, `inf` and `nan` included. */
function showDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

const kinds: readonly unknown[] = ['arg', 'literal', 'call'] satisfies readonly Scalar['kind'][];

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'object' && value !== null && 'kind' in value && kinds.includes(value.kind);
