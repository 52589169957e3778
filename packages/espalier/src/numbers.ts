// The directive `input`: `sr:16000` makes the input `sr` a constant.

import { badDirective } from './errors.ts';

/** Numbers by input. */
export type Numbers = Readonly<Record<string, number>>;

const hint = 'write input=sr:16000, or input=sr:16000,gain:0.5 for several inputs';

/** @throws {EspalierError} BAD_DIRECTIVE */
export function parseNumbers(text: string): Numbers {
  const numbers = new Map<string, number>();
  for (const part of text.split(',')) {
    // Names may hold colons, numbers do not.
    const colon = part.lastIndexOf(':');
    const name = part.slice(0, Math.max(0, colon));
    const digits = part.slice(colon + 1);
    const bad = !/^-?\d+(\.\d+)?(e-?\d+)?$/i.test(digits) || !Number.isFinite(Number(digits));
    if (bad || name === '' || numbers.has(name)) throw badDirective('input', text, hint);
    numbers.set(name, Number(digits));
  }
  return Object.fromEntries(numbers);
}

/** The canonical text of numbers, sorted by input. */
export const showNumbers = (numbers: Numbers): string =>
  Object.entries(numbers)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}`)
    .join(',');
