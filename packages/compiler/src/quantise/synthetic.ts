// Inputs for calibration where none are given: seeded noise at several scales, as pictures have it.

import {
  allocate,
  elementCount,
  type Graph,
  randomSource,
  type Tensor,
  type TensorType,
} from '@espalier/ir';
import type { Sample } from '../run-program.ts';

/** How many inputs are made. */
const samples = 4;

/** Noise that is smooth over so many steps of each of the last two axes, about within [−1, 1]. */
function smoothed(type: TensorType, seed: number): Tensor {
  const data = allocate(type);
  const next = randomSource(seed);
  const [height, width] = [type.shape.at(-2) ?? 1, type.shape.at(-1) ?? 1];
  const planes = elementCount(type.shape.slice(0, -2));
  for (let plane = 0; plane < planes; plane++)
    for (let cells = 1; cells <= Math.max(height, width); cells *= 4) {
      const grid = Float32Array.from({ length: (cells + 1) ** 2 }, () => 2 * next() - 1);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [v, u] = [(y / height) * cells, (x / width) * cells];
          const [top, left] = [Math.floor(v), Math.floor(u)];
          const [down, right] = [v - top, u - left];
          const at = (row: number, column: number) =>
            grid[(top + row) * (cells + 1) + left + column]!;
          const upper = at(0, 0) * (1 - right) + at(0, 1) * right;
          const lower = at(1, 0) * (1 - right) + at(1, 1) * right;
          data[(plane * height + y) * width + x]! += upper * (1 - down) + lower * down;
        }
    }
  return { type, data };
}

/** Inputs for a graph, the same for every build. */
export const syntheticSamples = ({ inputs }: Graph): Sample[] =>
  Array.from({ length: samples }, (_, sample) =>
    Object.fromEntries(
      inputs.map(({ name, type }, i) => [name, smoothed(type, 1 + sample * inputs.length + i)]),
    ),
  );
