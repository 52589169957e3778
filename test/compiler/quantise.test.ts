// Layers in 8 bits: what is compiled is what the quantised graph says, and that is near to the floats.

import { setFlagsFromString } from 'node:v8';
import {
  createBuilder,
  evaluate,
  type Graph,
  type Node,
  parseScalar,
  randomTensor,
  type Tensor,
  topologicalOrder,
} from '@espalier/ir';
import t, { type Test } from 'tap';
import { type Case, caseOf, type Operands, worstError } from '../support/agrees.ts';
import { randomGraph } from '../support/random-graph.ts';
import { start } from '../support/run-compiled.ts';

// See conv-integer.test.ts.
setFlagsFromString('--experimental-wasm-relaxed-simd');
setFlagsFromString('--no-liftoff');

const sliding = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;

/** The types of a graph's ops, as `convInteger u8`. */
const opsOf = (graph: Graph): string[] =>
  topologicalOrder(graph).flatMap((node) =>
    node.kind === 'op' ? [`${node.op} ${node.type.dtype}`] : [],
  );

/**
 * Asserts that a case in 8 bits is within a part of the largest element of the floats, and that both modules
 * compute its quantised graph; returns the ops of that.
 */
function isNear(t: Test, { graph, inputs }: Case, message: string, tolerance: number): string[] {
  let ops: string[] = [];
  for (const variant of ['plain', 'relaxed'] as const) {
    const running = start(graph, { precision: 'int8', samples: [inputs] }, variant);
    const actual = running.run(inputs).y!;
    const quantised = running.compiled.report.graph;
    // A code may come out one off where floats are rounded otherwise.
    const bits = worstError(actual, evaluate(quantised, inputs).y!);
    t.ok(bits <= 0.01, `${message}, ${variant}: off by ${bits} of what the graph says`);
    const error = worstError(actual, evaluate(graph, inputs).y!);
    t.ok(error <= tolerance, `${message}, ${variant}: off by ${error} of the floats`);
    ops = opsOf(quantised);
  }
  return ops;
}

type Layers = (operands: Operands, x: Node) => Node;

const networks: Readonly<Record<string, Layers>> = {
  'a stack with a clamp': ({ b, constant }, x) => {
    const y = b.scalar('relu', b.conv(x, constant(24, 8, 3, 3), constant(24), sliding));
    return b.conv(y, constant(9, 24, 1, 1), constant(9), { ...sliding, pads: [0, 0, 0, 0] });
  },
  'a stack of smooth activations': ({ b, constant }, x) => {
    const expr = parseScalar('a0 * sigmoid(a0)');
    const y = b.map([b.conv(x, constant(24, 8, 3, 3), constant(24), sliding)], { expr });
    const z = b.map([b.conv(y, constant(24, 1, 3, 3), constant(24), { ...sliding, groups: 24 })], {
      expr,
    });
    return b.conv(z, constant(9, 24, 3, 3), constant(9), sliding);
  },
  'a residual block': ({ b, constant }, x) => {
    const first = b.scalar('relu', b.conv(x, constant(16, 8, 3, 3), constant(16), sliding));
    const inner = b.scalar('relu', b.conv(first, constant(16, 16, 3, 3), constant(16), sliding));
    const outer = b.conv(inner, constant(16, 16, 3, 3), constant(16), sliding);
    const sum = b.map([outer, first], { expr: parseScalar('relu(a0 + a1)') });
    return b.conv(sum, constant(7, 16, 3, 3), constant(7), { ...sliding, stride: [2, 2] });
  },
  'branches that are pooled and joined': ({ b, constant }, x) => {
    const left = b.scalar('relu', b.conv(x, constant(16, 8, 1, 1), constant(16), sliding));
    const right = b.scalar(
      'relu',
      b.conv(x, constant(5, 8, 3, 3), constant(5), {
        ...sliding,
        pads: [2, 2, 2, 2],
      }),
    );
    const pool = { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pads: [1, 1, 1, 1] } as const;
    const joined = b.concat([b.maxPool(left, pool), b.maxPool(right, pool)], { axis: 1 });
    return b.conv(joined, constant(7, 21, 3, 3), constant(7), sliding);
  },
  'gates for each channel': ({ b, constant }, x) => {
    const y = b.scalar('relu', b.conv(x, constant(16, 8, 3, 3), constant(16), sliding));
    const mean = b.mean(y, { axes: [2, 3], keepDims: true });
    const gate = b.scalar(
      'sigmoid',
      b.conv(mean, constant(16, 16, 1, 1), constant(16), {
        ...sliding,
        pads: [0, 0, 0, 0],
      }),
    );
    return b.conv(b.scalar('mul', y, gate), constant(7, 16, 3, 3), constant(7), sliding);
  },
  'linear layers over rows': ({ b, constant }, x) => {
    const rows = b.reshape(x, { shape: [2, 24, 33] });
    const y = b.scalar('relu', b.linear(rows, constant(40, 33), constant(40)));
    return b.linear(y, constant(10, 40), constant(10));
  },
  'a classifier': ({ b, constant }, x) => {
    const y = b.scalar('relu', b.conv(x, constant(16, 8, 3, 3), constant(16), sliding));
    const flat = b.reshape(y, { shape: [2, 16 * 99] });
    return b.linear(flat, constant(10, 16 * 99), constant(10));
  },
};

for (const [name, layers] of Object.entries(networks))
  t.test(`${name} in 8 bits`, async (t) => {
    const written = caseOf((operands) => layers(operands, operands.input(2, 8, 9, 11)));
    const ops = isNear(t, written, name, 0.05);
    t.notOk(
      ops.some((op) => op.startsWith('conv f32') || op.startsWith('linear')),
      'no layer is left in floats',
    );
  });

t.test('the two planes of a picture are written side by side', async (t) => {
  const written = caseOf(({ b, constant, input }) => {
    const x = input(2, 3, 9, 11);
    const y = b.scalar('relu', b.conv(x, constant(16, 3, 3, 3), constant(16), sliding));
    return b.conv(y, constant(7, 16, 3, 3), constant(7), sliding);
  });
  const ops = isNear(t, written, 'a picture', 0.05);
  t.ok(ops.includes('concat u8'), 'there are two planes');
  const options = { precision: 'int8', samples: [written.inputs] } as const;
  const { steps } = start(written.graph, options).compiled.report;
  t.notOk(
    steps.some((step) => step.startsWith('concat')),
    'neither is copied',
  );
});

t.test('random graphs give what their quantised graphs say', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const { graph, inputs } = randomGraph(seed, 14);
    const running = start(graph, { precision: 'int8', samples: [inputs] });
    const actual = running.run(inputs);
    const expected = evaluate(running.compiled.report.graph, inputs);
    const errors = Object.keys(expected).map((name) => worstError(actual[name]!, expected[name]!));
    const worst = Math.max(...errors);
    t.ok(worst <= 0.01, `seed ${seed}: off by ${worst} of the largest`);
  }
});

t.test('weights are shipped as bytes', async (t) => {
  const { graph } = caseOf(({ b, input, constant }) =>
    b.conv(input(1, 64, 8, 8), constant(64, 64, 3, 3), constant(64), sliding),
  );
  const floats = start(graph, { exact: true }).compiled.weights.length;
  const { compiled } = start(graph, { precision: 'int8' });
  t.ok(compiled.weights.length < 0.27 * floats, `${compiled.weights.length} of ${floats} bytes`);
  t.same(
    compiled.program.weights.parts.flatMap(({ unpack }) => unpack),
    [],
    'and used as they are',
  );
});

t.test(
  'without samples the same inputs are made up every time, and the report says so',
  async (t) => {
    const { graph, inputs } = caseOf(({ b, input, constant }) =>
      b.conv(input(1, 8, 8, 8), constant(8, 8, 3, 3), constant(8), sliding),
    );
    const [first, second] = [0, 1].map(() => start(graph, { precision: 'int8' }).compiled);
    t.same(first!.weights, second!.weights, 'equal weights');
    t.same(first!.modules.plain, second!.modules.plain, 'equal code');
    t.equal(first!.report.calibration, 'synthetic', 'made up');
    const given = start(graph, { precision: 'int8', samples: [inputs] }).compiled;
    t.equal(given.report.calibration, 'samples', 'given');
    t.equal(start(graph).compiled.report.calibration, undefined, 'floats need none');
  },
);

t.test('channels have scales of their own', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [1, 8, 40, 40] });
  // Channels whose ranges differ by three orders of magnitude, each convolved by itself.
  const factors = Float32Array.from({ length: 8 }, (_, channel) => 10 ** (-channel / 2));
  const scaled = b.conv(
    x,
    b.constant({
      type: { dtype: 'f32', shape: [8, 1, 1, 1] },
      data: factors,
    }),
    b.constant(randomTensor({ dtype: 'f32', shape: [8] }, 1, [0, 0])),
    { ...sliding, pads: [0, 0, 0, 0], groups: 8 },
  );
  const ones = {
    type: { dtype: 'f32', shape: [8, 1, 1, 1] } as const,
    data: new Float32Array(8).fill(1),
  };
  const y = b.conv(
    scaled,
    b.constant(ones),
    b.constant(randomTensor({ dtype: 'f32', shape: [8] }, 1, [0, 0])),
    { ...sliding, pads: [0, 0, 0, 0], groups: 8 },
  );
  const graph = { inputs: [x], outputs: [{ name: 'y', node: y }] };
  const inputs = { x: randomTensor(x.type, 3) };
  const actual = start(graph, { precision: 'int8', samples: [inputs] }).run(inputs).y!;
  const expected = evaluate(graph, inputs).y!;
  for (let channel = 0; channel < 8; channel++) {
    const part = ({ data }: Tensor): Tensor => ({
      type: { dtype: 'f32', shape: [1600] },
      data: data.slice(1600 * channel, 1600 * (channel + 1)),
    });
    // The range of a channel is the geometric mean of its own and the widest.
    const error = worstError(part(actual), part(expected));
    const limit = 0.02 * 10 ** (channel / 4);
    t.ok(error <= limit, `channel ${channel}: off by ${error} of its largest`);
  }
});
