// Compares tensors, and says in words where they differ.

import { showType, type Tensor } from '@espalier/ir';

/** How far floats may be apart: `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** The first element that differs, in words; integers must be equal, and NaN equals NaN. */
export function difference(
  expected: Tensor,
  actual: Tensor | undefined,
  { relative, absolute }: Tolerance,
): string | undefined {
  if (actual === undefined) return 'is missing';
  const [want, got] = [showType(expected.type), showType(actual.type)];
  if (want !== got) return `${got} where ${want} belongs`;
  const exact = expected.type.dtype !== 'f32';
  for (let i = 0; i < expected.data.length; i++) {
    const [wanted, given] = [expected.data[i]!, actual.data[i]!];
    const allowed = exact ? 0 : absolute + relative * Math.abs(wanted);
    const same = wanted === given || Object.is(wanted, given);
    if (!same && !(Math.abs(wanted - given) <= allowed))
      return `element ${i} is ${given} where ${wanted} belongs`;
  }
  return undefined;
}
