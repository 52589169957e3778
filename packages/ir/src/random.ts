// Seeded random tensors: the only randomness of the package, and the same on every machine.

import { allocate, type Tensor, type TensorType } from './types.ts';

/**
 * A generator of numbers uniform in [0, 1), by mulberry32: 32 bits of state, enough for test data
 * and initial weights.
 */
export function randomSource(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const usualRange = { f32: [-1, 1], i32: [0, 10], u8: [0, 128], bool: [0, 1] } as const;

/**
 * A tensor uniform in `[from, to)`: by default [−1, 1) for f32, [0, 10) for i32 and [0, 128) for u8. A bool is either
 * with equal chance.
 */
export function randomTensor(
  type: TensorType,
  seed: number,
  [from, to]: readonly [number, number] = usualRange[type.dtype],
): Tensor {
  const data = allocate(type);
  const next = randomSource(seed);
  for (let i = 0; i < data.length; i++) {
    const value = from + (to - from) * next();
    if (type.dtype === 'f32') data[i] = value;
    else data[i] = type.dtype === 'bool' ? Number(next() < 0.5) : Math.floor(value);
  }
  return { type, data };
}
