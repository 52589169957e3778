import { type Builder, type Node, parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';

const same = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1] } as const;
const window = { kernel: [3, 3], ...same } as const;
const relu = { expr: parseScalar('relu(a0)') };

/** A convolution to `o` channels that keeps rows and columns. */
const conv3 = ({ b, constant }: Operands, x: Node, o: number, groups = 1): Node =>
  b.conv(x, constant(o, x.type.shape[1]! / groups, 3, 3), constant(o), { ...same, groups });

/** Five channels made of five, by every kernel that may write into a concatenation. */
const parts: Readonly<Record<string, (operands: Operands, x: Node) => Node>> = {
  'direct convolution': ({ b, constant }, x) =>
    b.conv(x, constant(5, 5, 1, 1), constant(5), { ...same, pads: [0, 0, 0, 0], groups: 1 }),
  'padded convolution': (operands, x) => conv3(operands, x, 5),
  'depthwise convolution': (operands, x) => conv3(operands, x, 5, 5),
  'transposed convolution': ({ b, constant }, x) =>
    b.convTranspose(x, constant(5, 5, 3, 3), constant(5), {
      ...same,
      groups: 1,
      outputPadding: [0, 0],
    }),
  'max pool': ({ b }, x) => b.maxPool(x, window),
  'sum pool': ({ b }, x) => b.sumPool(x, window),
  map: ({ b }, x) => b.map([x], relu),
  'map with an epilogue of length': ({ b }, x) =>
    b.map([x], { expr: parseScalar('a0 * sigmoid(a0)') }),
  softmax: ({ b }, x) => b.softmax(x, { axis: 1 }),
  'softmax of rows': ({ b }, x) => b.softmax(x, { axis: 3 }),
  'layer norm': ({ b, constant }, x) =>
    b.layerNorm(x, constant(9), constant(9), { axis: 3, epsilon: 1e-5 }),
  pad: ({ b }, x) =>
    b.pad(b.slice(x, { starts: [0, 0, 0, 0], sizes: [2, 5, 8, 9], steps: [1, 1, 1, 1] }), {
      before: [0, 0, 1, 0],
      after: [0, 0, 0, 0],
      value: 2.5,
    }),
  'inner concatenation': (operands, x) =>
    operands.b.concat([conv3(operands, x, 2), conv3(operands, x, 3)], { axis: 1 }),
  view: ({ b }, x) => b.transpose(x, { perm: [0, 1, 3, 2] }),
};

t.test('a value in its part of a concatenation leaves its neighbours alone', async (t) => {
  for (const [name, make] of Object.entries(parts))
    for (const axis of [0, 1, 2, 3])
      agrees(
        t,
        caseOf((operands) => {
          const { b, input } = operands;
          const first = conv3(operands, input(2, 5, 9, 9), 5);
          const part = make(operands, first);
          const last = conv3(operands, part, 5);
          // Parts are written after their neighbours on both sides, and read by others, with a margin too.
          return b.map(
            [b.concat([last, part, first], { axis }), b.concat([part, first, last], { axis })],
            {
              expr: parseScalar('a0 - 2 * a1'),
            },
          );
        }),
        `${name}, axis ${axis}`,
      );
});

t.test('parts that are written in place are not copied', async (t) => {
  const labels = (write: (operands: Operands) => Node, message: string) =>
    agrees(t, caseOf(write), message).compiled.report.steps.filter((step) =>
      step.startsWith('concat'),
    ).length;
  const join = (b: Builder, ...nodes: Node[]) => b.concat(nodes, { axis: 1 });
  const fire = (operands: Operands): Node => {
    const x = conv3(operands, operands.input(1, 3, 13, 13), 8);
    return conv3(operands, join(operands.b, conv3(operands, x, 13), conv3(operands, x, 16)), 7);
  };
  t.equal(labels(fire, 'read with a margin'), 0, 'neither of two');
  const dense = (operands: Operands): Node => {
    const x = conv3(operands, operands.input(1, 3, 13, 13), 8);
    const once = join(operands.b, x, conv3(operands, x, 4));
    const twice = join(operands.b, once, conv3(operands, once, 4));
    return conv3(operands, twice, 5);
  };
  t.equal(labels(dense, 'one inside the other'), 0, 'nor of an inner one');
  const repeated = (operands: Operands): Node => {
    const x = conv3(operands, operands.input(1, 3, 13, 13), 8);
    return conv3(operands, join(operands.b, x, x), 5);
  };
  t.equal(labels(repeated, 'a value twice'), 1, 'the second time it is');
});
