// Fixed point in a fit: taken where it is faster and harmless, left where it is not.

import { compile, inFixedPoint, optimise, profileOf } from '@espalier/compiler';
import { createBuilder, type Graph, type Node, parse, print, randomTensor } from '@espalier/ir';
import { costsOf, fit, fittedNetwork } from '@espalier/search';
import t from 'tap';
import { randomInputs } from '../support/random-inputs.ts';

t.setTimeout(300_000);

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const flat = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;
const profile = profileOf('wasm');

/** Two wide 1×1 layers; `loud` channels of the first are so many times as large, and count as much less. */
function network(loud = 1): Graph {
  const b = createBuilder();
  const x = b.input('x', type(1, 64, 14, 14));
  const first = randomTensor(type(128, 64, 1, 1), 1);
  const second = randomTensor(type(64, 128, 1, 1), 2);
  for (let i = 0; i < 64; i++) first.data[i]! *= loud;
  for (let o = 0; o < 64; o++) second.data[128 * o]! /= loud;
  const bias = (size: number, seed: number) =>
    b.constant(randomTensor(type(size), seed), `b${seed}`);
  const layer = (from: Node, weights: typeof first, size: number, seed: number) =>
    b.conv(from, b.constant(weights, `w${seed}`), bias(size, seed), flat);
  const wide = b.scalar('relu', layer(x, first, 128, 3));
  return optimise({ inputs: [x], outputs: [{ name: 'y', node: layer(wide, second, 64, 4) }] });
}

const kernelsOf = (graph: Graph) =>
  compile(graph, { profile }).report.work.map(({ kernel }) => kernel);

t.test('a network is computed in fixed point where that is faster', async (t) => {
  const graph = network();
  const faster = costsOf(inFixedPoint(graph), profile).ms < costsOf(graph, profile).ms;
  t.ok(faster, 'by prediction it is faster');
  const madeUp = { profile, inputs: randomInputs(graph, 8), madeUp: true };
  const fitted = await fit(graph, madeUp);
  t.ok(fitted.accepted, fitted.reason);
  t.equal(fitted.precision, 'int16');
  t.ok(kernelsOf(fitted.graph).includes('conv-fixed'), 'by kernels of integers');
  t.ok(
    fitted.plan.every(({ scheme }) => scheme === 'none'),
    'on made-up inputs nothing else changes',
  );
  t.ok(fitted.shipped.score > 0.995, `agreement ${fitted.shipped.score}`);
  const again = fittedNetwork(graph, fitted.weights, fitted.widths, fitted.precision);
  t.equal(costsOf(again, profile).ms, fitted.shipped.ms, 'the record makes the network again');
});

t.test('floats by hand stay floats', async (t) => {
  const graph = network();
  const fitted = await fit(graph, { profile, inputs: randomInputs(graph, 8), precision: 'f32' });
  t.equal(fitted.precision, 'f32');
  t.notOk(kernelsOf(fitted.graph).includes('conv-fixed'));
});

t.test('where rounding costs too much, plans are made for floats', async (t) => {
  // One channel takes all of the range, and none of the result.
  const graph = network(1e5);
  const fitted = await fit(graph, { profile, inputs: randomInputs(graph, 8), drop: 0.01 });
  t.equal(fitted.precision, 'f32');
  const forced = await fit(graph, {
    profile,
    inputs: randomInputs(graph, 8),
    drop: 0.01,
    precision: 'int16',
  });
  t.notOk(forced.accepted, forced.reason);
});

t.test(
  'devices that need several instructions for a product of pairs stay with floats',
  async (t) => {
    const graph = network();
    const fitted = await fit(graph, { profile: profileOf('s20'), inputs: randomInputs(graph, 4) });
    t.equal(fitted.precision, 'f32');
  },
);

t.test('a permission is an attribute like others', async (t) => {
  const graph = inFixedPoint(network());
  const text = print(graph);
  t.match(text, /precision: int16/);
  const b = createBuilder();
  const x = b.input('x', type(1, 8));
  const [w, bias] = [randomTensor(type(8, 8), 1), randomTensor(type(8), 2)];
  t.throws(() => b.linear(x, b.constant(w), b.constant(bias), { precision: 'int4' as 'int16' }), {
    code: 'BAD_SHAPE',
    message: /precision of int4/,
  });
  const own = parse(
    'x = input f32[1,8]\nw = constant f32[8,8] seed 1 from -1 to 1\nb = constant f32[8] seed 2 from -1 to 1\ny = linear(x, w, b) {precision: int16}\nreturn y\n',
  );
  t.match(print(own), /linear\(.*\) \{precision: int16\}/);
});
