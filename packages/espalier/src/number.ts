// One number of a directive, with what it may be.

import { badDirective } from './errors.ts';

/** Says what is wrong with a number; `undefined` where nothing is. */
export type Check = (value: number) => string | undefined;

/** More than nothing. */
export const positive: Check = (value) => (value > 0 ? undefined : 'it is more than 0');

/** Without a fraction. */
export const whole: Check = (value) =>
  Number.isSafeInteger(value) && value >= 0 ? undefined : 'it is a whole number';

const plain = (text: string): number =>
  /^\d+(\.\d+)?(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;

const factors: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** `300k`, `1.5M`: decimal units, as file sizes are given. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^([\d.]+)([kmg]?)b?$/i.exec(text) ?? [];
  return Math.floor(plain(digits) * factors[unit.toLowerCase()]!);
}

/** @throws {EspalierError} BAD_DIRECTIVE */
export function numberOf(name: string, text: string, check: Check, read = plain): number {
  const value = read(text);
  const wrong = Number.isFinite(value) ? check(value) : 'it is a number';
  if (wrong) throw badDirective(name, text, wrong);
  return value;
}
