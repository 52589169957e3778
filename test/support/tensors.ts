// Verbs over tensors: made from seeds or lists, compared with a tolerance.

import { allocate, parse, randomTensor, type Tensor, type TensorType } from '@espalier/ir';
import type { Test } from 'tap';

export { randomTensor };

/** `f32[1,3,8,8]` as a type. */
export function typeOf(text: string): TensorType {
  const [input] = parse(`x = input ${text}\nreturn x`).inputs;
  return input!.type;
}

/** A tensor by the text of its type and its elements, row-major. */
export function tensor(type: string, values: readonly number[]): Tensor {
  const parsed = typeOf(type);
  const data = allocate(parsed);
  if (values.length !== data.length)
    throw new Error(`${type} has ${data.length} elements, not ${values.length}`);
  data.set(values);
  return { type: parsed, data };
}

/**
 * Asserts that tensors have the same type and that elements differ by at most `tolerance`, absolute
 * up to 1 and relative to the expected beyond. NaN equals NaN and infinities equal themselves.
 */
export function closeTo(
  t: Test,
  actual: Tensor,
  expected: Tensor,
  tolerance: number,
  message: string,
): void {
  if (!t.same(actual.type, expected.type, `${message}: type`)) return;
  let worst = 0;
  let place = -1;
  for (let i = 0; i < expected.data.length; i++) {
    const error = distance(actual.data[i]!, expected.data[i]!);
    if (error > worst) [worst, place] = [error, i];
  }
  const where =
    place < 0
      ? ''
      : `, ${actual.data[place]} where ${expected.data[place]} is expected at ${place}`;
  t.ok(worst <= tolerance, `${message}: off by ${worst}, allowed ${tolerance}${where}`);
}

function distance(actual: number, expected: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
  // NaN against a number, or an infinity against anything else: as far apart as can be.
  return Number.isNaN(error) ? Infinity : error;
}
