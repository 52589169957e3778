import { type Node, parseScalar } from '@espalier/ir';
import t from 'tap';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';

/** The last two axes exchanged. */
function swapped({ b }: Operands, x: Node): Node {
  const axes = x.type.shape.map((_, axis) => axis);
  return b.transpose(x, { perm: [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] });
}

t.test('multiplies matrices off the tile', async (t) => {
  for (const m of [1, 3, 7, 13])
    for (const k of [1, 5, 17])
      for (const n of [1, 3, 4, 8, 13, 17])
        agrees(
          t,
          caseOf(({ b, input }) => b.matmul(input(m, k), input(k, n))),
          `[${m},${k}] · [${k},${n}]`,
        );
});

t.test('repeats batches as numpy does', async (t) => {
  for (const [left, right] of [
    [[3], []],
    [[], [3]],
    [[2, 1], [3]],
    [
      [1, 3],
      [2, 1],
    ],
    [
      [2, 3],
      [2, 3],
    ],
  ] as const)
    agrees(
      t,
      caseOf(({ b, input }) => b.matmul(input(...left, 5, 9), input(...right, 9, 10))),
      `batches [${left}] and [${right}]`,
    );
});

t.test('reads transposed operands', async (t) => {
  for (const transposes of [
    [true, false],
    [false, true],
    [true, true],
  ])
    for (const [m, k, n] of [
      [7, 5, 13],
      [1, 33, 9],
    ] as const)
      agrees(
        t,
        caseOf((operands) => {
          const { b, input } = operands;
          const left = transposes[0] ? swapped(operands, input(2, k, m)) : input(2, m, k);
          const right = transposes[1] ? swapped(operands, input(2, n, k)) : input(2, k, n);
          return b.matmul(left, right);
        }),
        `${m}·${k}·${n}, transposed ${transposes}`,
      );
});

t.test('reads flipped operands', async (t) => {
  const flipped = ({ b }: Operands, x: Node, axis: number): Node => {
    const sizes = x.type.shape;
    return b.slice(x, {
      starts: sizes.map((size, i) => (i === axis ? size - 1 : 0)),
      sizes,
      steps: sizes.map((_, i) => (i === axis ? -1 : 1)),
    });
  };
  for (const axis of [0, 1, 2]) {
    const left = caseOf((operands) => {
      const { b, input } = operands;
      return b.matmul(flipped(operands, input(2, 5, 6), axis), input(2, 6, 9));
    });
    agrees(t, left, `left, axis ${axis}`);
    const right = caseOf((operands) => {
      const { b, input } = operands;
      return b.matmul(input(2, 5, 6), flipped(operands, input(2, 6, 9), axis));
    });
    agrees(t, right, `right, axis ${axis}`);
  }
});

t.test('multiplies by constants on either side', async (t) => {
  agrees(
    t,
    caseOf(({ b, input, constant }) => b.matmul(input(3, 7, 5), constant(5, 13))),
    'right',
  );
  agrees(
    t,
    caseOf(({ b, input, constant }) => b.matmul(constant(7, 5), input(3, 5, 13))),
    'left',
  );
  agrees(
    t,
    caseOf(({ b, input, constant }) => b.matmul(input(3, 7, 5), constant(3, 5, 13))),
    'batch',
  );
});

t.test('runs linear layers over any leading axes', async (t) => {
  for (const lead of [[], [1], [3], [7], [2, 3], [1, 13]])
    for (const k of [1, 5, 8, 64])
      for (const o of [1, 3, 5, 8, 13, 17])
        agrees(
          t,
          caseOf(({ b, input, constant }) =>
            b.linear(input(...lead, k), constant(o, k), constant(o)),
          ),
          `[${[...lead, k]}] to ${o}`,
        );
});

t.test('runs linear layers whose weights are computed', async (t) => {
  for (const o of [3, 8, 21])
    agrees(
      t,
      caseOf(({ b, input }) => b.linear(input(5, 7), input(o, 7), input(o))),
      `${o} outputs`,
    );
});

t.test('applies what follows a product', async (t) => {
  for (const [m, n] of [
    [1, 13],
    [7, 21],
  ] as const)
    for (const expr of ['relu(a0 + a1)', 'a0 * sigmoid(a0) * a1'])
      for (const extra of [[n], [m, n], [m, 1], [3, m, n], [1]]) {
        const title = `${expr} with [${extra}] over [3,${m},${n}]`;
        const tail = ({ b, input }: Operands, y: Node) =>
          b.map([y, input(...extra)], { expr: parseScalar(expr) });
        agrees(
          t,
          caseOf((operands) =>
            tail(operands, operands.b.matmul(operands.input(3, m, 9), operands.input(9, n))),
          ),
          `matmul, ${title}`,
        );
        agrees(
          t,
          caseOf((operands) => {
            const { b, input, constant } = operands;
            return tail(operands, b.linear(input(3, m, 9), constant(n, 9), constant(n)));
          }),
          `linear, ${title}`,
        );
      }
});

t.test('carries NaNs and infinities', async (t) => {
  for (const value of [Number.NaN, Infinity]) {
    const written = caseOf(({ b, input }) => b.matmul(input(5, 6), input(6, 9)));
    written.inputs.x0!.data[7] = value;
    agrees(t, written, `${value}`);
  }
});

t.test('computes nothing where there is nothing', async (t) => {
  agrees(
    t,
    caseOf(({ b, input }) => b.matmul(input(0, 6), input(6, 9))),
    'no rows',
  );
  agrees(
    t,
    caseOf(({ b, input }) => b.matmul(input(5, 0), input(0, 9))),
    'no products: zeros',
  );
  agrees(
    t,
    caseOf(({ b, input, constant }) => b.linear(input(5, 0), constant(9, 0), constant(9))),
    'no inputs: the bias alone',
  );
});
