// Programs made by hand, so that the runtime is tested without the compiler.

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
  functions: [3, 4, 3, 0, 1, 0],
  global: [6, 6, 1, 127, 1, 65, 0, 11],
  // f0, f1, f2, w
  exports: [7, 20, 4, 2, 102, 48, 0, 0, 2, 102, 49, 0, 1, 2, 102, 50, 0, 2, 1, 119, 3, 0],
};

// f0(a, b, to): to = a + b, four lanes.
const add = [0, 32, 2, 32, 0, 253, 0, 2, 0, 32, 1, 253, 0, 2, 0, 253, 228, 1, 253, 11, 2, 0, 11];
// f1(at): four words at `at + 16` = those at `at` == 0.
const flip = [
  ...[0, 32, 0, 32, 0, 253, 0, 2, 0, 65, 0, 253, 17, 253, 55],
  ...[65, 1, 253, 17, 253, 78, 253, 11, 2, 16, 11],
];
// f2(from, end, to): a digest as weak as can be, the first four words.
const digest = [0, 32, 2, 32, 0, 253, 0, 2, 0, 253, 11, 2, 0, 11];
/** In front of each body: the warm-up, `if w { w = 0; return }`. */
const warmUp = [35, 0, 4, 64, 65, 0, 36, 0, 15, 11];

/** Makes the program; `weights` are four floats, 0.5, 1.5, 2.5, 3.5, and zeros. */
export function handMade(): HandMade {
  const bodies = [add, flip, digest].flatMap(([locals, ...code]) => [
    code.length + warmUp.length + 1,
    ...[locals!, ...warmUp, ...code],
  ]);
  const module = Uint8Array.of(
    ...Object.values(sections).flat(),
    ...[10, bodies.length + 1, 3, ...bodies],
  );
  const weights = new Uint8Array(64);
  weights.set(new Uint8Array(Float32Array.of(0.5, 1.5, 2.5, 3.5).buffer));
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
      bytes: weights.length,
      digest: { fn: 2, byteOffset: 256 },
      parts: [
        {
          bytes: weights.length,
          byteOffset: 128,
          digest: [...new Int32Array(weights.buffer, 0, 4)],
          // Doubles the weights in place: 1, 3, 5, 7.
          unpack: [[0, 128, 128, 128]],
          ready: 2,
        },
      ],
    },
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
