// The relaxed modules: valid, different from the plain ones, and computing the same.

import { setFlagsFromString } from 'node:v8';
import { evaluate, parseScalar } from '@espalier/ir';
import binaryen from 'binaryen';
import t from 'tap';
import { type Case, caseOf, worstError } from '../support/agrees.ts';
import { start } from '../support/run-compiled.ts';

const attrs = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1] } as const;

/** Every kernel that multiplies and adds, off the tile, with an epilogue. */
const written = caseOf(({ b, input, constant }) => {
  const x = input(2, 13, 7, 9);
  const y = b.conv(x, constant(21, 13, 3, 3), constant(21), { ...attrs, groups: 1 });
  const narrow = b.conv(y, constant(21, 1, 3, 3), constant(21), { ...attrs, groups: 21 });
  const wide = b.convTranspose(narrow, constant(21, 9, 2, 2), constant(9), {
    ...attrs,
    stride: [2, 2],
    outputPadding: [1, 0],
    groups: 1,
  });
  const rows = b.linear(wide, constant(11, wide.type.shape[3]!), constant(11));
  const square = b.transpose(rows, { perm: [0, 1, 3, 2] });
  return b.map([b.matmul(rows, square)], { expr: parseScalar('a0 * sigmoid(a0)') });
});

t.test('emits modules that binaryen takes for valid', async (t) => {
  const { modules } = start(written.graph).compiled;
  for (const [name, bytes] of Object.entries(modules)) {
    const module = binaryen.readBinary(bytes);
    module.setFeatures(binaryen.Features.All);
    t.equal(module.validate(), 1, name);
    module.dispose();
  }
  t.notSame(modules.relaxed, modules.plain, 'they differ');
});

// Older engines have relaxed SIMD behind a flag, newer ones do not know the flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');
const { relaxed } = start(written.graph).compiled.modules;
const skip = WebAssembly.validate(relaxed as Uint8Array<ArrayBuffer>)
  ? {}
  : { skip: 'this engine has no relaxed SIMD' };

/** How far the relaxed module is from the reference, in parts of the largest element. */
function relaxedError({ graph, inputs }: Case): number {
  const actual = start(graph, {}, 'relaxed').run(inputs).y!;
  return worstError(actual, evaluate(graph, inputs).y!);
}

t.test('computes the same with fused multiply-adds', skip, async (t) => {
  const error = relaxedError(written);
  t.ok(error <= 1e-5, `off by ${error} of the largest`);
});

t.test('computes the same where pixels do not fill its larger tiles', skip, async (t) => {
  for (const pixels of [1, 2, 5, 6, 7, 11, 13])
    for (const outputs of [3, 8, 13]) {
      const row = caseOf(({ b, input, constant }) =>
        b.conv(input(1, 5, 1, pixels), constant(outputs, 5, 3, 3), constant(outputs), {
          ...attrs,
          groups: 1,
        }),
      );
      const error = relaxedError(row);
      t.ok(error <= 1e-5, `${pixels} pixels to ${outputs}: off by ${error} of the largest`);
    }
});
