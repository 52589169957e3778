import {
  createBuilder,
  p,
  parse,
  print,
  rebuild,
  rewrite,
  rule,
  topologicalOrder,
} from '@espalier/ir';
import t from 'tap';
import { leaves, rewrites } from '../support/ir.ts';

const doubleNegation = rule('neg(neg(x)) -> x', p.scalar('neg', p.scalar('neg', p.any('x'))), (m) =>
  m.node('x'),
);

const fuseRelu = rule(
  'relu(softmax) -> softmax then relu',
  p.scalar('relu', p.once(p.softmax(p.any('x')))),
  (m, b) => {
    const { expr } = m.attrs('map');
    return b.withEpilogue(m.op('softmax'), expr, []);
  },
);

t.test(
  'applies a rule as often as it matches',
  rewrites(
    { rules: [doubleNegation] },
    `
      x = input f32[2]
      a = map(x) {expr: neg(a0)}
      b = map(a) {expr: neg(a0)}
      c = map(b) {expr: neg(a0)}
      d = map(c) {expr: neg(a0)}
      e = map(d) {expr: neg(a0)}
      return e
    `,
    `
      x = input f32[2]
      e = map(x) {expr: neg(a0)}
      return e
    `,
  ),
);

t.test(
  'may replace an output by an input, which keeps the name of the output',
  rewrites(
    { rules: [doubleNegation] },
    `
      x = input f32[2]
      a = map(x) {expr: neg(a0)}
      y = map(a) {expr: neg(a0)}
      return y, a
    `,
    `
      x = input f32[2]
      a = map(x) {expr: neg(a0)}
      return y: x, a
    `,
  ),
);

t.test(
  'rewrites under once where nothing else reads',
  rewrites(
    { rules: [fuseRelu] },
    `
      x = input f32[2,3]
      a = softmax(x) {axis: 1}
      y = map(a) {expr: relu(a0)}
      return y
    `,
    `
      x = input f32[2,3]
      y = softmax(x) {axis: 1} then relu(a0)
      return y
    `,
  ),
);

for (const [title, output] of [
  ['another op reads', 'return y, z: c'],
  ['an output reads', 'return y, a'],
] as const)
  t.test(
    `leaves what is asked to be read once and ${title}`,
    leaves(
      { rules: [fuseRelu] },
      `
        x = input f32[2,3]
        a = softmax(x) {axis: 1}
        y = map(a) {expr: relu(a0)}
        c = map(a) {expr: exp(a0)}
        ${output}
      `,
    ),
  );

t.test(
  'leaves what is read twice by one op',
  leaves(
    {
      rules: [rule('x·x', p.map([p.once(p.softmax(p.any('x'))), p.any('y')]), (m) => m.node('x'))],
    },
    `
      x = input f32[2,3]
      a = softmax(x) {axis: 1}
      y = map(a, a) {expr: a0 * a1}
      return y
    `,
  ),
);

t.test('does not match ops which carry an epilogue, since it would be lost', async (t) => {
  const text = `x = input f32[2,3]
a = softmax(x) {axis: 1} then exp(a0)
y = map(a) {expr: relu(a0)}
return y
`;
  t.equal(print(rewrite(parse(text), [fuseRelu])), text, 'as it was');
});

t.test('matches commuting functions in either order', async (t) => {
  const addZero = rule('x + c -> x', p.scalar('add', p.any('x'), p.constant('c')), (m) => {
    const [c] = m.tensors('c');
    return c.data.every((value) => value === 0) ? m.node('x') : undefined;
  });
  for (const operands of ['x, c', 'c, x']) {
    const graph = parse(`
      x = input f32[2]
      c = constant f32[2] {0, 0}
      y = map(${operands}) {expr: a0 + a1}
      return y
    `);
    t.equal(rewrite(graph, [addZero]).outputs[0]!.node, graph.inputs[0], operands);
  }
  const one = parse(`
    x = input f32[2]
    c = constant f32[2] {0, 1}
    y = map(x, c) {expr: a0 + a1}
    return y
  `);
  t.equal(rewrite(one, [addZero]), one, 'a rule which declines changes nothing');
});

t.test('asks for one node where a pattern has a name twice', async (t) => {
  const square = rule('x·x -> x', p.map([p.any('x'), p.any('x')]), (m) => m.node('x'));
  const graph = parse(`
    x = input f32[2]
    y = input f32[2]
    a = map(x, x) {expr: max(a0, a1)}
    b = map(a, y) {expr: max(a0, a1)}
    return b
  `);
  const text = print(rewrite(graph, [square]));
  t.match(text, 'b = map(x, y)', 'only where both are x');
});

t.test('lets inner rules win over outer ones which overlap them', async (t) => {
  const inner = rule(
    'exp(neg(x)) -> sigmoid(x)',
    p.scalar('exp', p.scalar('neg', p.any('x'))),
    (m, b) => b.scalar('sigmoid', m.node('x')),
  );
  const outer = rule(
    'relu(exp(x)) -> abs(x)',
    p.scalar('relu', p.scalar('exp', p.any('x'))),
    (m, b) => b.scalar('abs', m.node('x')),
  );
  const graph = parse(`
    x = input f32[2]
    a = map(x) {expr: neg(a0)}
    b = map(a) {expr: exp(a0)}
    y = map(b) {expr: relu(a0)}
    return y
  `);
  const text = print(rewrite(graph, [outer, inner]));
  t.equal(
    text,
    `x = input f32[2]
b = map(x) {expr: sigmoid(a0)}
y = map(b) {expr: relu(a0)}
return y
`,
    'the exp is gone before the relu looks at it',
  );
});

t.test('names what it makes after what it replaces', async (t) => {
  const graph = rewrite(
    parse(`
      x = input f32[2,3]
      a = softmax(x) {axis: 1}
      y = map(a) {expr: relu(a0)}
      return result: y
    `),
    [fuseRelu],
  );
  t.equal(graph.outputs[0]!.node.name, 'y', 'the fused op is called y');
  t.equal(graph.outputs[0]!.name, 'result', 'the output keeps its name');
});

t.test('keeps the nodes that no rule touches, and the graph if there are none', async (t) => {
  const graph = parse(`
    x = input f32[2]
    a = map(x) {expr: exp(a0)}
    b = map(x) {expr: neg(a0)}
    c = map(b) {expr: neg(a0)}
    return a, c
  `);
  const rewritten = rewrite(graph, [doubleNegation]);
  t.equal(rewritten.outputs[0]!.node, graph.outputs[0]!.node, 'a is the same object');
  t.equal(rewrite(rewritten, [doubleNegation]), rewritten, 'a fixed point is the same graph');
});

t.test('leaves the graph it is given alone', async (t) => {
  const graph = parse(`
    x = input f32[2,3]
    a = softmax(x) {axis: 1}
    y = map(a) {expr: relu(a0)}
    return y
  `);
  const before = print(graph);
  rewrite(graph, [fuseRelu]);
  t.equal(print(graph), before, 'the same text');
});

t.test('stops rules which undo each other, and names them', async (t) => {
  const there = rule('exp -> log', p.scalar('exp', p.any('x')), (m, b) =>
    b.scalar('log', m.node('x')),
  );
  const back = rule('log -> exp', p.scalar('log', p.any('x')), (m, b) =>
    b.scalar('exp', m.node('x')),
  );
  const graph = parse('x = input f32[2]\ny = map(x) {expr: exp(a0)}\nreturn y');
  t.throws(() => rewrite(graph, [there, back]), /undo each other/, 'bounded');
});

t.test('refuses a rule which changes the type', async (t) => {
  const wrong = rule('exp -> isNaN', p.scalar('exp', p.any('x')), (m, b) =>
    b.scalar('isNaN', m.node('x')),
  );
  const graph = parse('x = input f32[2]\ny = map(x) {expr: exp(a0)}\nreturn y');
  t.throws(() => rewrite(graph, [wrong]), /'exp -> isNaN' keeps f32\[2\] of y/, 'named');
});

t.test('settles long chains in few sweeps', async (t) => {
  const fuse = rule('map(map) -> map', p.map([p.once(p.map([p.any('x')]))]), (m, b) => {
    const [outer, inner] = m.matched;
    const { expr } = outer!.attrs as ReturnType<typeof m.attrs<'map'>>;
    return b.withEpilogue(inner!, expr, []);
  });
  const lines = Array.from({ length: 500 }, (_, i) =>
    i === 0 ? 'v0 = input f32[1]' : `v${i} = map(v${i - 1}) {expr: a0 + ${i % 3}}`,
  );
  const graph = rewrite(parse(`${lines.join('\n')}\nreturn y: v499`), [fuse]);
  t.equal(topologicalOrder(graph).length, 2, 'one map is left, and the input');
});

t.test('rebuilds a graph node by node', async (t) => {
  const graph = parse(`
    x = input f32[2]
    c = constant f32[2] {1, 2}
    a = map(x, c) {expr: a0 * a1}
    b = map(x) {expr: exp(a0)}
    return a, b
  `);
  const b = createBuilder(graph);
  const doubled = rebuild(
    graph,
    (node, _, own) =>
      node.kind === 'constant'
        ? own.constant({ type: node.type, data: node.value.data.map((x) => 2 * x) })
        : undefined,
    b,
  );
  t.match(print(doubled), 'c = constant f32[2] {2, 4}', 'the constant is replaced under its name');
  t.equal(doubled.outputs[1]!.node, graph.outputs[1]!.node, 'b is the same object');
  t.throws(
    () => rebuild(graph, (node, _, own) => (node.kind === 'op' ? own.value(1) : undefined)),
    /a of f32\[2\] is not replaced by f32\[\]/,
    'types have to stay',
  );
});
