import { createBuilder, digests, EspalierError, parse, print } from '@espalier/ir';
import fc from 'fast-check';
import t from 'tap';
import { randomTensor } from '../support/tensors.ts';

const network = `x = input f32[1,3,8,8]
r = input f32[4,1,1]
w = constant f32[4,3,1,1] {0.5, -1, 2, 0, 1e-7, inf, -inf, nan, -0, 3, 4, 5}
b = constant f32[4] {1, 2, 3, 4}
y = conv(x, w, b; r) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]} then relu(a0 + a1)
z = softmax(y) {axis: 1}
return z, "first output": y
`;

t.test('prints what it has read', async (t) => {
  t.equal(print(parse(network)), network, 'the same text');
});

t.test('keeps names which need quotes', async (t) => {
  const b = createBuilder();
  const names = ['a b', '1', 'return', 'x:y', 'say "so"', '/model/conv.1', "w'", '日本'];
  const inputs = names.map((name) => b.input(name, { dtype: 'i32', shape: [] }));
  const outputs = inputs.map((node) => ({ name: `${node.name}!`, node }));
  const text = print({ inputs, outputs });
  const again = parse(text);
  t.same(
    again.inputs.map(({ name }) => name),
    names,
    'inputs',
  );
  t.same(
    again.outputs.map(({ name }) => name),
    names.map((name) => `${name}!`),
    'outputs',
  );
  t.equal(print(again), text, 'the same text');
});

t.test('tells equal names apart', async (t) => {
  const b = createBuilder();
  const x = b.input('map', { dtype: 'f32', shape: [2] });
  const y = b.scalar('exp', b.scalar('neg', x));
  const text = print({ inputs: [x], outputs: [{ name: 'y', node: y }] });
  t.equal(
    text,
    `map = input f32[2]
map_2 = map(map) {expr: neg(a0)}
map_3 = map(map_2) {expr: exp(a0)}
return y: map_3
`,
    'by a number',
  );
  t.equal(print(parse(text)), text, 'the same text');
});

t.test('writes large constants by digest and reads them from a table', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [100] });
  const c = b.constant(randomTensor({ dtype: 'f32', shape: [100] }, 1), 'c');
  const graph = { inputs: [x], outputs: [{ name: 'y', node: b.scalar('mul', x, c) }] };
  const text = print(graph);
  t.match(text, /c = constant f32\[100\] #[0-9a-f]{16}\n/, 'the digest');
  t.equal(print(parse(text, digests(graph))), text, 'the same text');
  t.throws(() => parse(text), { code: 'BAD_TEXT' }, 'without the table');
});

t.test('draws constants without values from their seed or line', async (t) => {
  const text = (constant: string) => `c = constant ${constant}\nreturn c`;
  const data = (constant: string) => {
    const { node } = parse(text(constant)).outputs[0]!;
    return node.kind === 'constant' ? [...node.value.data] : [];
  };
  t.same(data('f32[50] seed 3'), data('f32[50] seed 3'), 'a seed gives the same again');
  t.notSame(data('f32[50] seed 3'), data('f32[50] seed 4'), 'another seed another');
  t.same(data('f32[50]'), data('f32[50] seed 1'), 'the line is the seed');
  t.ok(
    data('f32[50] seed 1 from 0.5 to 2').every((x) => x >= 0.5 && x < 2),
    'a range is kept',
  );
  t.ok(
    data('i32[50] seed 1 from 2 to 5').every((x) => [2, 3, 4].includes(x)),
    'a range of integers',
  );
});

t.test('refuses text which is no graph, by line', async (t) => {
  const refused = (line: number, text: string) =>
    t.throws(
      () => parse(text),
      { code: 'BAD_TEXT', message: new RegExp(`^line ${line}:`) },
      JSON.stringify(text),
    );
  refused(1, '');
  refused(1, 'x = input f64[1]');
  refused(1, 'x = input f32[1');
  refused(1, 'return y');
  refused(2, 'x = input f32[1]\nx = input f32[1]\nreturn x');
  refused(2, 'x = input f32[1]\ny = conf(x)\nreturn y');
  refused(2, 'x = input f32[1]\ny = map(x) {expr: relu(}\nreturn y');
  refused(2, 'x = input f32[1]\ny = softmax(x) {axis}\nreturn y');
  refused(1, 'x = constant f32[2] {1}\nreturn x');
  refused(2, 'x = input f32[1]\nreturn x y');
});

t.test('says the line where operands do not fit', async (t) => {
  t.throws(
    () => parse('x = input f32[2]\ny = input f32[3]\nz = map(x, y) {expr: a0 + a1}\nreturn z'),
    { code: 'BAD_SHAPE', message: /^line 3:/ },
    'line 3',
  );
});

t.test('ends in a coded error on damaged text', async (t) => {
  const damage = fc.tuple(fc.nat(network.length - 1), fc.nat(3), fc.string({ maxLength: 3 }));
  fc.assert(
    fc.property(damage, ([at, cut, insert]) => {
      const damaged = network.slice(0, at) + insert + network.slice(at + cut);
      try {
        parse(damaged);
      } catch (error) {
        if (!(error instanceof EspalierError)) throw error;
      }
    }),
    { seed: 1, numRuns: 1000 },
  );
  t.pass('a thousand damaged texts are read or refused with a code');
});
