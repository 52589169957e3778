// What the codes of a quantised tensor stand for.

import type { Location } from '@espalier/ir';
import { badModel, unsupportedUse } from '../errors.ts';
import type { Table } from './flatbuffer.ts';

/** Code `q` stands for `scale · (q − zero)`; either one pair for all, or one for each slice along `axis`. */
export interface Quantization {
  readonly scales: readonly number[];
  /** As many as scales. */
  readonly zeros: readonly number[];
  readonly axis: number;
}

/** The scales of a tensor; `undefined` if it has none. @throws {EspalierError} BAD_MODEL, UNSUPPORTED_USE */
export function readQuantization(
  table: Table | undefined,
  shape: readonly number[],
  label: string,
  at: Location,
): Quantization | undefined {
  const scales = table?.float32s(2) ?? [];
  if (table === undefined || scales.length === 0) return undefined;
  if (table.uint8(4) > 1) throw unsupportedUse(`${label} is quantised in blocks`, at);
  const zeros = table.int64s(3) ?? [];
  const axis = table.int32(6);
  if (scales.length > 1 && scales.length !== shape[axis])
    throw badModel(`${label} has ${scales.length} scales along axis ${axis} of [${shape}]`, at);
  if (zeros.length > 1 && zeros.length !== scales.length)
    throw badModel(`${label} has ${scales.length} scales and ${zeros.length} zero points`, at);
  if (zeros.some((zero) => Math.abs(zero) > 2 ** 31))
    throw badModel(`${label} has a zero point beyond 32 bits`, at);
  return { scales, zeros: scales.map((_, i) => zeros[i] ?? zeros[0] ?? 0), axis };
}

/** Whether codes of two tensors, with one scale each, mean the same. */
export const sameQuantization = (a: Quantization, b: Quantization): boolean =>
  a.scales.length === 1 &&
  b.scales.length === 1 &&
  a.scales[0] === b.scales[0] &&
  a.zeros[0] === b.zeros[0];
