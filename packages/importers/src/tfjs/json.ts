// Foreign JSON, looked into one checked step at a time.

import type { Location } from '@espalier/ir';
import { badModel } from '../errors.ts';

/** What JSON.parse gives. */
export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;

/** A JSON object. Its keys are foreign: look them up with `field`, which sees own ones only. */
export interface JsonRecord {
  readonly [key: string]: Json;
}

/** Whether a value is an object that is no list. */
export const isRecord = (value: Json | undefined): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a value is a list. */
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** A field that the object has itself; `null` counts as missing. */
export const field = (record: JsonRecord, key: string): Json | undefined =>
  Object.hasOwn(record, key) ? (record[key] ?? undefined) : undefined;

/** The object, or BAD_MODEL. */
export function asRecord(value: Json | undefined, what: string, at: Location): JsonRecord {
  if (!isRecord(value)) throw badModel(`${what} is not an object`, at);
  return value;
}

/** The list, or BAD_MODEL. */
export function asList(value: Json | undefined, what: string, at: Location): readonly Json[] {
  if (!isList(value)) throw badModel(`${what} is not a list`, at);
  return value;
}

/** The string, or BAD_MODEL. */
export function asText(value: Json | undefined, what: string, at: Location): string {
  if (typeof value !== 'string') throw badModel(`${what} is not a string`, at);
  return value;
}

/** A whole number below 2^53, which writers of int64 put in quotes; or BAD_MODEL. */
export function asWhole(value: Json | undefined, what: string, at: Location): number {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw badModel(`${what} is not a whole number`, at);
  return number;
}

/** Extents of a shape, none negative; or BAD_MODEL. */
export const asExtents = (value: Json | undefined, what: string, at: Location): number[] =>
  asList(value, what, at).map((extent) => {
    const whole = asWhole(extent, `an extent of ${what}`, at);
    if (whole < 0) throw badModel(`${what} has the extent ${whole}`, at);
    return whole;
  });
