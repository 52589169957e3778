// Programs made by hand, so that the runtime is tested without the compiler.

import { createHash } from 'node:crypto';
import type { ModelSource, Program } from '@espalier/runtime';

/** A program `y = x + w`, `not = !flag` of four elements, and its files as data URLs. */
export interface HandMade {
  readonly program: Program;
  readonly module: Uint8Array<ArrayBuffer>;
  readonly weights: Uint8Array<ArrayBuffer>;
  readonly source: ModelSource;
}

const sections = {
  head: [0, 97, 115, 109, 1, 0, 0, 0],
  // (i32, i32, i32) -> [], (i32) -> []
  types: [1, 11, 2, 96, 3, 127, 127, 127, 0, 96, 1, 127, 0],
  memory: [2, 8, 1, 1, 101, 1, 109, 2, 0, 1],
  functions: [3, 3, 2, 0, 1],
  exports: [7, 11, 2, 2, 102, 48, 0, 0, 2, 102, 49, 0, 1],
};

// f0(a, b, to): to = a + b, four lanes.
const add = [0, 32, 2, 32, 0, 253, 0, 2, 0, 32, 1, 253, 0, 2, 0, 253, 228, 1, 253, 11, 2, 0, 11];
// f1(at): four words at `at + 16` = those at `at` == 0.
const flip = [
  ...[0, 32, 0, 32, 0, 253, 0, 2, 0, 65, 0, 253, 17, 253, 55],
  ...[65, 1, 253, 17, 253, 78, 253, 11, 2, 16, 11],
];

/** Makes the program; `weights` are four floats, 0.5, 1.5, 2.5, 3.5. */
export function handMade(): HandMade {
  const bodies = [add, flip].flatMap((body) => [body.length, ...body]);
  const module = Uint8Array.of(
    ...Object.values(sections).flat(),
    ...[10, bodies.length + 1, 2, ...bodies],
  );
  const weights = new Uint8Array(Float32Array.of(0.5, 1.5, 2.5, 3.5).buffer);
  const program: Program = {
    executor: 'wasm',
    inputs: [
      { name: 'x', dtype: 'f32', shape: [2, 2], byteOffset: 0 },
      { name: 'flag', dtype: 'bool', shape: [4], byteOffset: 16 },
    ],
    outputs: [
      { name: 'y', dtype: 'f32', shape: [2, 2], byteOffset: 64 },
      { name: 'not', dtype: 'bool', shape: [4], byteOffset: 32 },
    ],
    pages: 1,
    weights: {
      byteOffset: 128,
      bytes: weights.length,
      sha256: createHash('sha256').update(weights).digest('hex'),
    },
    // Doubles the weights in place: 1, 3, 5, 7.
    load: [[0, 128, 128, 128]],
    run: [
      [0, 0, 128, 64],
      [1, 16],
    ],
  };
  const url = (type: string, bytes: Uint8Array) =>
    `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
  const code = url('application/wasm', module);
  const source = { program, plain: code, relaxed: code, weights: url('a/b', weights) };
  return { program, module, weights, source };
}
