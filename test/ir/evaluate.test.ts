import { decompose, evaluate, evaluateConstant, parse, topologicalOrder } from '@espalier/ir';
import t from 'tap';
import { randomInputs } from '../support/ir.ts';
import { closeTo, randomTensor, tensor } from '../support/tensors.ts';

t.test('computes a small network', async (t) => {
  const graph = parse(`
    x = input f32[2,3]
    w = constant f32[2,3] {1, 0, -1, 2, 2, 2}
    b = constant f32[2] {0.5, -20}
    y = linear(x, w, b)
    z = map(y) {expr: relu(a0)}
    return z, before: y
  `);
  const { z, before } = evaluate(graph, { x: tensor('f32[2,3]', [1, 2, 3, 4, 5, 6]) });
  t.same([...before!.data], [-1.5, -8, -1.5, 10], 'x·wᵀ + b');
  t.same([...z!.data], [0, 0, 0, 10], 'relu');
});

t.test('applies epilogues as the maps that they are made of', async (t) => {
  const declarations = `
    x = input f32[2,3]
    r = input f32[2,1]
    w = constant f32[4,3] seed 1
    b = constant f32[4] seed 2
  `;
  const fused = parse(`${declarations}
    y = linear(x, w, b; r) then relu(a0 + a1) * 0.5
    return y
  `);
  const apart = parse(`${declarations}
    a = linear(x, w, b)
    c = map(a, r) {expr: relu(a0 + a1)}
    y = map(c) {expr: a0 * 0.5}
    return y
  `);
  const inputs = randomInputs(fused, 3);
  t.same(evaluate(fused, inputs), evaluate(apart, inputs), 'to the bit');
});

t.test('lets epilogues change the element type', async (t) => {
  const graph = parse(`
    x = input f32[1,3]
    y = softmax(x) {axis: 1} then gt(a0, 0.5)
    return y
  `);
  const { y } = evaluate(graph, { x: tensor('f32[1,3]', [0, 5, 0]) });
  t.same(y, tensor('bool[1,3]', [0, 1, 0]), 'a bool tensor');
});

t.test('decomposes compositions on the way', async (t) => {
  const graph = parse(`
    x = input f32[1,2,2,2]
    s = constant f32[2] seed 1
    o = constant f32[2] seed 2
    m = constant f32[2] seed 3
    v = constant f32[2] seed 4 from 0.5 to 2
    y = batchNorm(x, s, o, m, v) {epsilon: 0.001}
    return y
  `);
  const primitive = decompose(graph);
  t.ok(
    topologicalOrder(primitive).every((node) => node.kind !== 'op' || node.op !== 'batchNorm'),
    'no batchNorm is left',
  );
  t.equal(
    decompose(primitive).outputs[0]!.node,
    primitive.outputs[0]!.node,
    'nothing is left to do',
  );
  const x = randomTensor({ dtype: 'f32', shape: [1, 2, 2, 2] }, 5);
  const [s, o, m, v] = ['s', 'o', 'm', 'v'].map((name) => {
    const node = topologicalOrder(graph).find((candidate) => candidate.name === name);
    return node?.kind === 'constant' ? node.value.data : [];
  });
  const expected = x.data.map((value, i) => {
    const c = Math.floor(i / 4) % 2;
    return ((value - m![c]!) / Math.sqrt(v![c]! + 0.001)) * s![c]! + o![c]!;
  });
  closeTo(t, evaluate(graph, { x }).y!, { type: x.type, data: expected }, 1e-6, 'as by formula');
});

t.test('gives outputs which are inputs, constants or the same value', async (t) => {
  const graph = parse(`
    x = input f32[2]
    c = constant f32[1] {7}
    y = map(x) {expr: neg(a0)}
    return x, c, y, again: y
  `);
  const results = evaluate(graph, { x: tensor('f32[2]', [1, 2]) });
  t.same([...results.x!.data], [1, 2], 'the input');
  t.same([...results.c!.data], [7], 'the constant');
  t.same([...results.y!.data], [-1, -2], 'the value');
  t.equal(results.again, results.y, 'by two names');
});

t.test('refuses inputs which are missing or of another type', async (t) => {
  const graph = parse('x = input f32[2]\nreturn x');
  t.throws(() => evaluate(graph, {}), { code: 'BAD_TENSOR' }, 'missing');
  t.throws(
    () => evaluate(graph, { x: tensor('f32[3]', [1, 2, 3]) }),
    { code: 'BAD_TENSOR' },
    'another shape',
  );
  t.throws(
    () => evaluate(graph, { x: { type: { dtype: 'f32', shape: [2] }, data: new Float32Array(1) } }),
    { code: 'BAD_TENSOR' },
    'too few elements',
  );
});

t.test('computes what depends on constants alone', async (t) => {
  const graph = parse(`
    x = input f32[2]
    c = constant f32[2] {1, 2}
    d = map(c) {expr: a0 * 10}
    y = map(x, d) {expr: a0 + a1}
    return d, y
  `);
  const [d, y] = graph.outputs;
  t.same([...evaluateConstant(d!.node)!.data], [10, 20], 'd is known');
  t.equal(evaluateConstant(y!.node), undefined, 'y is not');
});

t.test('runs networks which are deeper than the call stack', async (t) => {
  const lines = Array.from({ length: 20_000 }, (_, i) =>
    i === 0 ? 'v0 = input f32[1]' : `v${i} = map(v${i - 1}) {expr: a0 + ${i % 3}}`,
  );
  const graph = parse(`${lines.join('\n')}\nreturn y: v19999`);
  t.same([...evaluate(graph, { v0: tensor('f32[1]', [1]) }).y!.data], [20_000], 'the sum');
});
