// Convolutions of codes: exact sums, in both modules.

import { setFlagsFromString } from 'node:v8';
import {
  type AttrsOf,
  type Builder,
  createBuilder,
  evaluate,
  type Node,
  parseScalar,
  randomTensor,
  type Scalar,
  type Tensor,
} from '@espalier/ir';
import t, { type Test } from 'tap';
import { type Keep, masks, withZeros } from '../support/masks.ts';
import { start, withKernel } from '../support/run-compiled.ts';

// Older engines have relaxed SIMD behind a flag, which newer ones do not know. The fast compiler of V8 11.3 (Node 20)
// gives the relaxed dot product a register twice, so that one is left out.
setFlagsFromString('--experimental-wasm-relaxed-simd');
setFlagsFromString('--no-liftoff');

type Attrs = AttrsOf<'convInteger'>;
type Quad = readonly [number, number, number, number];

const plain: Attrs = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1, zero: 0 };

type Tail = (b: Builder, sums: Node, input: (shape: readonly number[]) => Node) => Node;

interface Sample {
  readonly x: Quad;
  readonly w: readonly [outputs: number, rows: number, columns: number];
  readonly attrs?: Partial<Attrs>;
  /** Largest weight. */
  readonly largest?: number;
  readonly tail?: Tail;
  /** Which weights stay, for the kernel that skips fours of zeros. */
  readonly keep?: Keep;
}

const whole = (shape: readonly number[], seed: number, most: number): Tensor =>
  randomTensor({ dtype: 'i32', shape }, seed, [-most, most + 1]);

/** Asserts that both modules give what the interpreter gives, to the bit unless a tolerance says so. */
function agrees(
  t: Test,
  { x, w, attrs, largest = 127, tail, keep }: Sample,
  tolerance = 0,
): readonly string[] {
  const all = { ...plain, ...attrs };
  const b = createBuilder();
  const nodes = [b.input('x0', { dtype: 'f32', shape: x })];
  const inputs: Record<string, Tensor> = {
    // Beyond both ends of the codes, and halves.
    x0: randomTensor({ dtype: 'f32', shape: x }, 1, [-20, 160]),
  };
  const input = (shape: readonly number[]) => {
    const name = `x${nodes.length}`;
    inputs[name] = randomTensor({ dtype: 'f32', shape }, 10 + nodes.length, [-20, 160]);
    nodes.push(b.input(name, { dtype: 'f32', shape }));
    return nodes.at(-1)!;
  };
  const [o, r, s] = w;
  const dense = whole([o, x[1] / all.groups, r, s], 2, largest);
  const weights = b.constant(keep ? withZeros(dense, keep) : dense, 'w');
  const sums = b.convInteger(
    b.scalar('toCode', nodes[0]!),
    weights,
    b.constant(whole([o], 3, 5000), 'b'),
    all,
  );
  const y = tail ? tail(b, sums, input) : sums;
  const graph = { inputs: nodes, outputs: [{ name: 'y', node: y }] };
  const expected = evaluate(graph, inputs).y!;
  let steps: readonly string[] = [];
  for (const variant of ['plain', 'relaxed'] as const) {
    const running = start(graph, keep ? withKernel('conv-integer-sparse') : {}, variant);
    steps = running.compiled.report.steps;
    const actual = running.run(inputs).y!;
    let worst = 0;
    expected.data.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - actual.data[i]!));
    });
    const title = `${variant}: [${x}] by [${w}] ${JSON.stringify(attrs ?? {})}`;
    if (!(worst <= tolerance)) t.fail(`${title} is off by ${worst}`);
  }
  t.pass(`[${x}] by [${w}] ${JSON.stringify(attrs ?? {})}`);
  return steps;
}

t.test('sums are exact where pixels and channels do not fill a tile', async (t) => {
  for (const pixels of [1, 5, 7])
    for (const channels of [1, 3, 4, 5, 8, 17])
      for (const outputs of [1, 5, 8, 13])
        agrees(t, { x: [2, channels, pixels, 6], w: [outputs, 1, 1] });
});

t.test('sums are exact for any window, and any code of zero', async (t) => {
  const windows: readonly Partial<Attrs>[] = [
    { stride: [2, 2], zero: 3 },
    { stride: [3, 1], pads: [1, 1, 1, 1], zero: 127 },
    { dilation: [2, 1], pads: [2, 0, 1, 0], zero: 64 },
    { dilation: [1, 3], stride: [1, 2], pads: [0, 3, 1, 2] },
    { dilation: [2, 2], stride: [2, 3], pads: [1, 2, 3, 4], zero: 17 },
  ];
  for (const attrs of windows)
    for (const [r, s] of [
      [1, 1],
      [3, 3],
      [1, 4],
      [5, 2],
    ] as const)
      for (const channels of [3, 8]) agrees(t, { x: [2, channels, 9, 13], w: [13, r, s], attrs });
});

t.test('sums are exact where fours of inputs are skipped, for any mask and window', async (t) => {
  // Whole fours of inputs in blocks of 8 outputs, and masks that are nothing of the kind.
  const coarse = ([name, keep]: readonly [string, Keep]): [string, Keep] => [
    `${name}, in fours`,
    (o, i, r, s) => keep(o, Math.floor(i / 4), r, s),
  ];
  const all = Object.entries(masks(8, false));
  for (const [name, keep] of [...all, ...all.map(coarse)])
    for (const [attrs, taps] of [
      [{}, 1],
      [{ pads: [1, 1, 1, 1], zero: 9 }, 3],
      [{ stride: [2, 1], dilation: [1, 2], pads: [0, 3, 1, 2], zero: 127 }, 3],
    ] as const)
      for (const channels of [3, 16, 29]) {
        const sample: Sample = { x: [2, channels, 7, 9], w: [21, taps, taps], attrs, keep };
        const steps = agrees(t, sample);
        if (channels === 16 && name.includes('tenth, in fours'))
          t.match(steps.join(), 'sparse conv', `${name} is skipped`);
      }
});

t.test('sums are exact in groups of any size', async (t) => {
  for (const [groups, inputs, outputs] of [
    [2, 8, 8],
    [3, 5, 7],
    [4, 1, 3],
    [5, 3, 1],
  ] as const)
    for (const r of [1, 3])
      agrees(t, {
        x: [3, groups * inputs, 7, 7],
        w: [groups * outputs, r, r],
        attrs: { groups, pads: [1, 1, 1, 1], zero: 9 },
      });
});

t.test('sums are exact where channels are depthwise, whatever the weights', async (t) => {
  for (const channels of [3, 8, 13, 16])
    for (const [r, s] of [
      [3, 3],
      [5, 5],
      [1, 7],
    ] as const)
      for (const attrs of [
        { pads: [1, 1, 1, 1] },
        { stride: [2, 2], pads: [0, 1, 2, 3], zero: 5 },
        { dilation: [2, 1], pads: [4, 4, 4, 4], zero: 80 },
      ] as const)
        for (const largest of [127, 20]) {
          const steps = agrees(t, {
            x: [2, channels, 7, 13],
            w: [channels, r, s],
            attrs: { ...attrs, groups: channels },
            largest,
          });
          t.match(steps.join(), /depthwise/, 'by the kernel for it');
        }
});

t.test('sums are exact where weights exceed the cache', async (t) => {
  agrees(t, { x: [2, 512, 5, 5], w: [261, 3, 3], attrs: { pads: [1, 0, 1, 0], zero: 2 } });
});

/** An expression over sums and further operands. */
const then =
  (expr: Scalar, ...shapes: readonly (readonly number[])[]): Tail =>
  (b, sums, input) =>
    b.withEpilogue(
      sums as never,
      expr,
      shapes.map((shape) => b.scalar('toCode', input(shape))),
    );

t.test('gives floats and codes, with operands of its epilogue', async (t) => {
  const scale = 'toF32(a0) * 0.001';
  const tails: Readonly<Record<string, readonly [string, ...(readonly number[])[]]>> = {
    'toF32(a0)': ['toF32(a0)'],
    relu: [`relu(${scale})`],
    codes: [`toF32(toCode(${scale}))`],
  };
  for (const [name, [expr]] of Object.entries(tails))
    for (const groups of [1, 13]) {
      agrees(
        t,
        { x: [2, 13, 7, 5], w: [13, 3, 3], attrs: { groups }, tail: then(parseScalar(expr)) },
        1e-3,
      );
      t.pass(name);
    }
  // A code may be one off where a product of floats is rounded otherwise.
  const codes =
    (tail: Tail): Tail =>
    (b, sums, input) =>
      b.scalar('toF32', tail(b, sums, input));
  for (const groups of [1, 13])
    for (const tail of [
      then(parseScalar(`toCode(${scale})`)),
      then(parseScalar(`toCode(${scale} + toF32(a1) * 0.5)`), [2, 13, 5, 3]),
      then(parseScalar(`toCode(${scale} + toF32(a1) * 0.5)`), [13, 1, 1]),
      then(parseScalar(`toCode(${scale} * sigmoid(${scale}) + toF32(a1))`), [2, 1, 5, 3]),
    ])
      agrees(t, { x: [2, 13, 7, 5], w: [13, 3, 3], attrs: { groups }, tail: codes(tail) }, 1);
});

t.test('codes are moved, padded, joined and pooled as they are', async (t) => {
  for (const channels of [3, 4, 8, 17, 33])
    agrees(
      t,
      {
        x: [2, channels, 9, 8],
        w: [channels, 1, 1],
        tail(b, sums) {
          const codes = b.withEpilogue(sums as never, parseScalar('toCode(toF32(a0) * 0.01)'), []);
          const pool = {
            kernel: [3, 3],
            stride: [2, 2],
            dilation: [1, 1],
            pads: [1, 1, 1, 1],
          } as const;
          const pooled = b.maxPool(codes, pool);
          const joined = b.concat([pooled, pooled], { axis: 1 });
          const padded = b.pad(joined, { before: [0, 1, 2, 0], after: [0, 2, 0, 1], value: 7 });
          const turned = b.transpose(padded, { perm: [0, 2, 3, 1] });
          const part = b.slice(turned, {
            starts: [0, 1, 0, 1],
            sizes: [2, 4, 5, 2 * channels],
            steps: [1, 1, 1, 1],
          });
          return b.scalar('toF32', b.reshape(part, { shape: [2, 20, 2 * channels] }));
        },
      },
      1,
    );
});
