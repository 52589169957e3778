// Where errors matter: sensitivities, and the rows that are drawn by them.

import { createBuilder, type Graph, type Node, randomTensor, type Tensor } from '@espalier/ir';
import { createRun, prunableLayers } from '@espalier/search';
import t from 'tap';
import { likenessOf } from '../../packages/search/src/agreement.ts';
import { drawPlaces } from '../../packages/search/src/rows.ts';
import { sensitivitiesOf } from '../../packages/search/src/sensitivity.ts';

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const point = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;

/** A 1 × 1 convolution of 32 outputs, and what follows it. */
function network(then: (b: ReturnType<typeof createBuilder>, sums: Node) => Node): Graph {
  const b = createBuilder();
  const x = b.input('x', type(1, 32, 4, 4));
  const w = b.constant(randomTensor(type(32, 32, 1, 1), 1));
  const sums = b.conv(x, w, b.constant(randomTensor(type(32), 2)), point);
  return { inputs: [x], outputs: [{ name: 'y', node: then(b, sums) }] };
}

function sensitivityIn(graph: Graph, count = 4) {
  const inputs = Array.from({ length: count }, (_, i) => ({
    x: randomTensor(type(1, 32, 4, 4), 10 + i),
  }));
  const reference = inputs.map(createRun(graph));
  return sensitivitiesOf(graph, prunableLayers(graph), inputs, reference, 1)[0];
}

/** A constant factor for each position or channel. */
const factors = (shape: number[], of: (i: number) => number): Tensor => {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return { type: type(...shape), data: Float32Array.from({ length }, (_, i) => of(i)) };
};

t.test('positions that the outputs do not answer to have no sensitivity', async (t) => {
  const half = factors([1, 1, 4, 4], (i) => (i < 8 ? 1 : 0));
  const found = sensitivityIn(network((b, sums) => b.scalar('mul', sums, b.constant(half))))!;
  t.equal(found.positions.length, 4, 'for each input');
  for (const positions of found.positions) {
    t.ok(
      positions.slice(0, 8).every((value) => value > 0),
      'those that count',
    );
    t.ok(
      positions.slice(8).every((value) => value === 0),
      'those that do not',
    );
  }
});

t.test('outputs of a layer count by what becomes of them', async (t) => {
  // A network that mixes all channels, some of which it hardly hears.
  const graph = network((b, sums) => {
    const heard = factors([1, 32, 1, 1], (i) => (i < 16 ? 1 : 0.1));
    const mix = b.constant(randomTensor(type(3, 32, 1, 1), 5));
    return b.conv(
      b.scalar('mul', sums, b.constant(heard)),
      mix,
      b.constant(randomTensor(type(3), 6)),
      point,
    );
  });
  const { outputs } = sensitivityIn(graph, 32)!;
  const mean = (from: number, to: number) =>
    outputs.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
  const ratio = mean(0, 16) / mean(16, 32);
  t.ok(ratio > 7 && ratio < 14, `ten times as much: ${ratio}`);
  t.ok(Math.abs(mean(0, 32) - 1) < 1e-6, '1 on average');
});

t.test('sure decisions count, too; behind a step nothing does', async (t) => {
  const sure = sensitivityIn(
    network((b, sums) => b.scalar('sigmoid', b.scalar('mul', sums, b.value(1e4)))),
  )!;
  t.ok(sure.positions.flatMap((all) => [...all]).filter((value) => value > 0).length > 32);
  t.equal(sensitivityIn(network((b, sums) => b.scalar('floor', sums))), undefined);
});

t.test('half of the rows are drawn by sensitivity, half evenly, always alike', async (t) => {
  const b = createBuilder();
  const x = b.input('x', type(1, 32, 128, 128));
  const node = b.conv(
    x,
    b.constant(randomTensor(type(32, 32, 1, 1), 1)),
    b.constant(randomTensor(type(32), 2)),
    point,
  );
  const [layer] = prunableLayers({ inputs: [x], outputs: [{ name: 'y', node }] });
  const only = Float32Array.from({ length: 128 * 128 }, (_, i) => (i === 77 ? 3 : 0));
  const places = drawPlaces(layer!, 2, 1, [only, only]);
  const there = places.filter(({ position }) => position === 77).length / places.length;
  t.ok(Math.abs(there - 0.5) < 0.02, `${there}`);
  t.same(drawPlaces(layer!, 2, 1, [only, only]), places);
  t.equal(drawPlaces(layer!, 2, 1).length, places.length, 'as many as without');
});

t.test('channels of an output are alike each by its own size', async (t) => {
  const b = createBuilder();
  const x = b.input('x', type(1, 2, 1, 2));
  const graph: Graph = { inputs: [x], outputs: [{ name: 'y', node: b.scalar('neg', x) }] };
  const like = likenessOf(graph);
  const y = (...data: number[]) => [{ y: { type: x.type, data: Float32Array.from(data) } }];
  // Coordinates of hundreds beside probabilities.
  t.equal(like(y(300, 400, 0.3, 0.4), y(300, 400, 0.3, 0.4)), 1);
  const small = like(y(30, 40, 30, 40), y(30, 40, 15, 20));
  t.ok(Math.abs(small - 0.75) < 1e-6, `half of one of two channels: ${small}`);
});
