import { createBuilder, type Graph, randomTensor } from '@espalier/ir';
import t from 'tap';
import { cheapestLabels, type LabelEdge } from '../../packages/compiler/src/plan/min-cut.ts';
import { agrees, caseOf, type Operands } from '../support/agrees.ts';
import { masked, masks } from '../support/masks.ts';
import { start } from '../support/run-compiled.ts';

/** Every labelling of a small problem, tried in turn. */
function exhaustive(
  own: readonly (readonly [number, number])[],
  edges: readonly LabelEdge[],
): number {
  let least = Number.POSITIVE_INFINITY;
  for (let bits = 0; bits < 2 ** own.length; bits++)
    least = Math.min(
      least,
      costOf(
        own,
        edges,
        own.map((_, i) => ((bits >> i) & 1) as 0 | 1),
      ),
    );
  return least;
}

const costOf = (
  own: readonly (readonly [number, number])[],
  edges: readonly LabelEdge[],
  labels: readonly (0 | 1)[],
): number =>
  own.reduce((sum, costs, i) => sum + costs[labels[i]!], 0) +
  edges.reduce(
    (sum, { a, b, cost, back = cost }) =>
      sum + (labels[a] === labels[b] ? 0 : labels[a] === 0 ? cost : back),
    0,
  );

t.test('labels cost no more than any other labels', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const { data } = randomTensor({ dtype: 'f32', shape: [64] }, seed);
    const value = (i: number) => Math.round(100 * Math.abs(data[i]!));
    const count = 2 + (seed % 8);
    const own = Array.from({ length: count }, (_, i): [number, number] => [
      (seed + i) % 7 === 0 ? Number.POSITIVE_INFINITY : value(i),
      value(i + 20),
    ]);
    const edges = Array.from({ length: 2 * count }, (_, i) => ({
      a: value(i + 30) % count,
      b: value(i + 45) % count,
      cost: value(63 - i) / 2,
      // Every other way costs as much in either direction.
      ...(i % 2 === 0 && { back: value(40 - i) / 3 }),
    }));
    const labels = cheapestLabels({ count, own, edges });
    t.equal(costOf(own, edges, labels), exhaustive(own, edges), `problem ${seed}`);
  }
});

const flat = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;

/** An inverted residual whose pointwise layers keep a tenth of their weights, scattered. */
const sparseResidual = ({ b, input, constant }: Operands, size: number) => {
  const keep = masks(1, false)['a tenth']!;
  const x = input(1, 48, size, size);
  const wide = b.scalar('relu', b.conv(x, masked(b, [192, 48, 1, 1], keep), constant(192), flat));
  const spread = { ...flat, pads: [1, 1, 1, 1], groups: 192 } as const;
  const deep = b.scalar('relu', b.conv(wide, constant(192, 1, 3, 3), constant(192), spread));
  const narrow = b.conv(deep, masked(b, [48, 192, 1, 1], keep), constant(48), flat);
  return b.scalar('add', narrow, x);
};

t.test('a sparse network stays in planes from end to end', async (t) => {
  const made = caseOf((operands) => sparseResidual(operands, 28));
  const { compiled } = agrees(t, made, 'an inverted residual');
  const steps = compiled.report.steps.join('\n');
  t.match(steps, /planes/, 'its layers run over planes');
  // The caller's input lacks nothing, and the halo of the depthwise layer is written by the one before.
  t.notMatch(steps, /arrange|output/, 'nothing is copied between layouts');
});

t.test('a dense network keeps its channels innermost', async (t) => {
  const b = createBuilder();
  const constant = (...shape: number[]) =>
    b.constant(randomTensor({ dtype: 'f32', shape }, 3), 'w');
  const x = b.input('x', { dtype: 'f32', shape: [1, 64, 28, 28] });
  let y = b.conv(x, constant(64, 64, 1, 1), constant(64), flat);
  for (let i = 0; i < 3; i++)
    y = b.scalar('relu', b.conv(y, constant(64, 64, 1, 1), constant(64), flat));
  const graph: Graph = { inputs: [x], outputs: [{ name: 'y', node: y }] };
  const steps = start(graph).compiled.report.steps.join('\n');
  t.equal(steps.match(/arrange|output/g)?.length, 2, 'it is copied on its way in and out only');
});
