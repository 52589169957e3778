// Gradients of graphs, against central differences.

import {
  arg,
  call,
  createBuilder,
  differentiate,
  evaluate,
  type Graph,
  type Node,
  type OpNode,
  randomTensor,
  type Tensor,
  unfuse,
} from '@espalier/ir';
import t from 'tap';

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const window = { stride: [1, 1], dilation: [1, 1], pads: [1, 1, 1, 1], groups: 1 } as const;

/** A residual block whose sums go through epilogues, a concat of both of its values, and a softmax. */
function block(): Graph {
  const b = createBuilder();
  const x = b.input('x', type(1, 4, 5, 5));
  const conv = (of: Node, seed: number) =>
    b.conv(
      of,
      b.constant(randomTensor(type(4, 4, 3, 3), seed)),
      b.constant(randomTensor(type(4), seed + 1)),
      window,
    ) as OpNode;
  const inner = b.withEpilogue(conv(x, 1), call('tanh', arg(0)), []);
  const outer = b.withEpilogue(conv(inner, 3), call('tanh', call('add', arg(0), arg(1))), [x]);
  const both = b.concat([inner, outer], { axis: 1 });
  return { inputs: [x], outputs: [{ name: 'y', node: b.softmax(both, { axis: 1 }) }] };
}

t.test('epilogues come off without changing what is computed', async (t) => {
  const graph = block();
  const { graph: unfused, sums } = unfuse(graph);
  const x = randomTensor(type(1, 4, 5, 5), 9);
  t.same(evaluate(unfused, { x }).y!.data, evaluate(graph, { x }).y!.data);
  const convs = [...sums].filter(([node]) => node.op === 'conv');
  t.equal(convs.length, 2);
  for (const [, sum] of convs) t.ok(sum.kind === 'op' && !sum.epilogue, 'sums are nodes');
});

t.test('the gradient of a graph equals central differences', async (t) => {
  const { graph } = unfuse(block());
  const [x] = graph.inputs;
  const y = graph.outputs[0]!.node;
  const b = createBuilder(graph);
  const seed = randomTensor(y.type, 5);
  const gradient = differentiate(graph, new Map([[y, b.constant(seed)]]), [x!], b).get(x!)!;
  const at = randomTensor(x!.type, 7);
  const actual = evaluate({ inputs: [x!], outputs: [{ name: 'g', node: gradient }] }, { x: at }).g!;
  const loss = (x: Tensor) =>
    (evaluate(graph, { x }).y!.data as Float32Array) // a graph of floats
      .reduce((sum, value, i) => sum + value * seed.data[i]!, 0);
  for (let i = 0; i < at.data.length; i += 7) {
    const moved = (by: number): Tensor => {
      const data = Float32Array.from(at.data);
      data[i]! += by;
      return { type: at.type, data };
    };
    const expected = (loss(moved(1e-2)) - loss(moved(-1e-2))) / 2e-2;
    t.ok(Math.abs(actual.data[i]! - expected) < 2e-3, `${actual.data[i]} for ${expected}`);
  }
});

t.test('nothing flows through steps, nor to what the outputs do not read', async (t) => {
  const b = createBuilder();
  const x = b.input('x', type(3));
  const other = b.input('other', type(3));
  const graph: Graph = {
    inputs: [x, other],
    outputs: [{ name: 'y', node: b.scalar('floor', b.scalar('mul', x, x)) }],
  };
  const y = graph.outputs[0]!.node;
  const ones = b.constant({ type: type(3), data: Float32Array.of(1, 1, 1) });
  t.equal(differentiate(graph, new Map([[y, ones]]), [x, other], b).size, 0);
});
