// Plans by rules: which schemes for which layers, within the budget, without a look at the weights.

import { optimise, profileOf } from '@espalier/compiler';
import { createBuilder, type Graph, type Node, randomTensor } from '@espalier/ir';
import { costsOf, fit, prunableLayers, strategies } from '@espalier/search';
import t from 'tap';
import { type Kind, kindsOf } from '../../packages/search/src/kinds.ts';
import { pick } from '../../packages/search/src/pick.ts';
import type { Candidate } from '../../packages/search/src/strategies/strategy.ts';
import { randomInputs } from '../support/random-inputs.ts';

t.setTimeout(600_000);

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const profile = profileOf('wasm');

/** A small classifier of pictures: 3 × 3, depthwise, 1 × 1, 3 × 3 by two, a linear layer within and one at the end. */
function classifier(): Graph {
  const b = createBuilder();
  const conv = (x: Node, seed: number, shape: number[], step = 1, groups = 1) => {
    const [, , r] = shape as [number, number, number];
    const pad = (r - 1) / 2;
    const attrs = { stride: [step, step], dilation: [1, 1], pads: [pad, pad, pad, pad], groups };
    const w = b.constant(randomTensor(type(...shape), seed), `w${seed}`);
    const bias = b.constant(randomTensor(type(shape[0]!), seed + 50), `b${seed}`);
    return b.scalar('relu', b.conv(x, w, bias, attrs as never));
  };
  const linear = (x: Node, seed: number, outputs: number, width: number) =>
    b.linear(
      x,
      b.constant(randomTensor(type(outputs, width), seed), `w${seed}`),
      b.constant(randomTensor(type(outputs), seed + 50), `b${seed}`),
    );
  const x = b.input('x', type(1, 8, 8, 8));
  let y = conv(x, 1, [32, 8, 3, 3]);
  y = conv(y, 2, [64, 32, 3, 3]);
  y = conv(y, 3, [64, 1, 3, 3], 1, 64);
  y = conv(y, 4, [96, 64, 1, 1]);
  y = conv(y, 5, [32, 96, 3, 3], 2);
  y = b.reshape(y, { shape: [1, 32 * 16] });
  y = b.scalar('relu', linear(y, 6, 256, 32 * 16));
  y = linear(y, 7, 40, 256);
  return { inputs: [x], outputs: [{ name: 'y', node: y }] };
}

const inner = (op: Kind['op'], side = 1): Kind => ({
  op,
  window: [side, side],
  first: false,
  classifier: false,
});

const choice = (
  scheme: Candidate['scheme'],
  filters: number,
  sparsity: number,
  ms: number,
): Candidate => ({ scheme, params: filters > 1 ? { filters } : {}, sparsity, ms, harm: 1 });

const dense = (ms: number) => choice('none', 1, 0, ms);

t.test(
  'layers that read the input, and those that say classes, are told from others',
  async (t) => {
    const graph = optimise(classifier());
    const kinds = kindsOf(graph, prunableLayers(graph));
    t.same(
      kinds.map(({ op, window, first, classifier }) => [op, window[0], first, classifier]),
      [
        ['conv', 3, true, false],
        ['conv', 3, false, false],
        ['conv', 1, false, false],
        ['conv', 3, false, false],
        ['linear', 1, false, false],
        ['linear', 1, false, true],
      ],
    );
  },
);

t.test('the smallest block is taken that is nearly as fast as the fastest', async (t) => {
  const blocks = (four: number, one: number) => [
    dense(10),
    choice('blockColumns', 8, 0.5, 5),
    choice('blockColumns', 4, 0.5, four),
    choice('unstructured', 1, 0.5, one),
  ];
  const picked = (four: number, one: number) =>
    strategies.rule([blocks(four, one)], 7, [inner('conv')]);
  t.same(picked(5.5, 6.5), [2], 'four filters within 20 %, one weight not');
  t.same(picked(5.5, 5.9), [3], 'one weight within 20 %');
  t.same(picked(6.1, 6.2), [1], 'neither');
  const wide = [dense(10), choice('kernelBlock', 8, 0.5, 5), choice('blockColumns', 8, 0.5, 5.5)];
  t.same(
    strategies.rule([wide], 7, [inner('conv', 3)]),
    [2],
    'whole kernels are larger than columns',
  );
  const slow = [dense(10), choice('kernelBlock', 8, 0.5, 5), choice('blockColumns', 8, 0.5, 6.5)];
  t.same(strategies.rule([slow], 7, [inner('conv', 3)]), [1], 'where columns are slow, kernels go');
});

t.test('layers at the ends of a network stay as they are', async (t) => {
  const layer = [dense(10), choice('blockColumns', 8, 0.5, 5)];
  const kinds = [
    { ...inner('conv', 3), first: true },
    inner('conv'),
    { ...inner('linear'), classifier: true },
  ];
  t.same(strategies.rule([layer, layer, layer], 26, kinds), [0, 1, 0]);
  t.equal(strategies.rule([layer, layer, layer], 24, kinds), undefined, 'the others do not do');
});

t.test(
  'the rate is the lowest that keeps the budget, and layers of all types share it',
  async (t) => {
    const sparsities = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92];
    const layer = [dense(10), ...sparsities.map((s) => choice('blockColumns', 8, s, 10 * (1 - s)))];
    const kinds = [inner('conv', 3), inner('conv'), inner('linear')];
    const layers = kinds.map(() => layer);
    let last = Number.NEGATIVE_INFINITY;
    for (let budget = 29; budget > 4.5; budget -= 0.5) {
      const picked = strategies.rule(layers, budget, kinds)!;
      const chosen = picked.map((index, i) => layers[i]![index]!);
      const ms = chosen.reduce((sum, one) => sum + one.ms, 0);
      t.ok(ms <= budget, `${ms} of ${budget}`);
      const [kernels, points, matrix] = chosen.map(({ sparsity }) => sparsity) as [
        number,
        number,
        number,
      ];
      t.ok(matrix >= kernels && kernels >= points, `${matrix}, ${kernels}, ${points}`);
      const total = matrix + kernels + points;
      t.ok(total >= last, 'less time, more zeros');
      last = total;
    }
    t.same(strategies.rule(layers, 30, kinds), [0, 0, 0], 'nothing goes where nothing has to');
    t.equal(strategies.rule(layers, 2, kinds), undefined, 'nothing is found where nothing will do');
  },
);

t.test('what time is left goes to the first layers', async (t) => {
  const layer = [dense(10), choice('blockColumns', 8, 0.5, 5), choice('blockColumns', 8, 0.75, 3)];
  const layers = [layer, layer, layer];
  const kinds = layers.map(() => inner('conv'));
  t.same(strategies.rule(layers, 15, kinds), [1, 1, 1]);
  t.same(strategies.rule(layers, 13, kinds), [1, 1, 2]);
  t.same(strategies.rule(layers, 25, kinds), [0, 0, 1]);
});

t.test('harm is not looked at', async (t) => {
  const layer = [
    dense(10),
    choice('blockColumns', 8, 0.5, 5),
    choice('blockColumns', 4, 0.5, 5.5),
    choice('blockColumns', 4, 0.75, 3),
  ];
  const kinds = [inner('conv', 3), inner('linear'), inner('conv')];
  const layers = kinds.map(() => layer);
  for (const budget of [25, 20, 15, 10]) {
    const wanted = strategies.rule(layers, budget, kinds);
    for (let seed = 1; seed < 5; seed++) {
      const harms = randomTensor(type(12), seed).data;
      const other = layers.map((own, l) =>
        own.map((one, c) => ({ ...one, harm: Math.abs(harms[l * 4 + c]!) })),
      );
      t.same(strategies.rule(other, budget, kinds), wanted, `budget ${budget}, harms ${seed}`);
    }
  }
});

t.test('bytes are kept by a strategy that knows of no price', async (t) => {
  const layer = [0, 0.25, 0.55, 0.75].map((s) => ({
    ...(s === 0 ? dense(10) : choice('blockColumns', 8, s, 10 * (1 - s))),
    bytes: 1000 * (1 - s),
    memoryBytes: 0,
  }));
  const kinds = [inner('conv', 3), inner('conv', 3)];
  const picked = pick(strategies.rule, [layer, layer], kinds, { bytes: 1000 });
  t.same(picked, [2, 2], 'the lowest rate that does');
  t.equal(pick(strategies.rule, [layer, layer], kinds, { bytes: 100 }), undefined);
});

t.test('a network is fitted by rules', async (t) => {
  const graph = optimise(classifier());
  const options = {
    profile,
    inputs: randomInputs(graph, 6),
    speedup: 1.5,
    drop: 10,
    precision: 'f32',
  } as const;
  const fitted = await fit(graph, { ...options, strategy: 'rule' });
  t.ok(fitted.accepted, fitted.reason);
  t.ok(1.5 * fitted.shipped.ms <= fitted.dense.ms, `${fitted.dense.ms} → ${fitted.shipped.ms} ms`);
  t.equal(costsOf(fitted.graph, profile).ms, fitted.shipped.ms, 'as predicted of what ships');
  const [first, ...others] = fitted.plan;
  t.equal(first!.scheme, 'none', 'the first layer stays');
  t.equal(others.at(-1)!.scheme, 'none', 'so do the classes');
  const [three, one, , matrix] = others;
  t.ok(['kernelBlock', 'blockColumns', 'none'].includes(three!.scheme), `3 × 3: ${three!.scheme}`);
  t.ok(['unstructured', 'blockColumns', 'none'].includes(one!.scheme), `1 × 1: ${one!.scheme}`);
  t.ok(['blockColumns', 'none'].includes(matrix!.scheme), `linear: ${matrix!.scheme}`);
  t.ok(others.filter(({ scheme }) => scheme !== 'none').length >= 2, 'several are pruned');
  const again = await fit(graph, { ...options, strategy: 'rule' });
  t.same(again.plan, fitted.plan, 'the same again');
  const { speedup, ...free } = options;
  const fastest = await fit(graph, { ...free, drop: 0.1, strategy: 'rule', effort: 2 });
  t.ok(fastest.trials.length > 1, 'without a wish it looks for the fastest that is good enough');
});
