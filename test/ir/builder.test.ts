import { createBuilder, type OpNode, parseScalar, showScalar, type TensorType } from '@espalier/ir';
import t from 'tap';
import { randomTensor, tensor, typeOf } from '../support/tensors.ts';

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });

t.test('makes equal nodes once', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(2, 3));
  const y = b.softmax(x, { axis: 1 });
  t.equal(b.softmax(x, { axis: 1 }), y, 'same op, operand and attributes');
  t.not(b.softmax(x, { axis: 0 }), y, 'another attribute');
  t.not(b.softmax(y, { axis: 1 }), y, 'another operand');
  t.equal(b.named('later').softmax(x, { axis: 1 }), y, 'a name is no part of what is computed');
  t.not(b.input('x', f32(2, 3)), x, 'two inputs are two values');
});

t.test('compares small constants by content and large ones by identity', async (t) => {
  const b = createBuilder();
  t.equal(b.constant(tensor('f32[2]', [1, 2])), b.constant(tensor('f32[2]', [1, 2])), 'content');
  t.not(b.value(0), b.value(-0), '0 and -0 differ');
  t.not(b.value(1), b.value(1, 'i32'), 'types differ');
  t.not(b.value(1), b.constant(tensor('f32[1]', [1])), 'shapes differ');
  const large = randomTensor(f32(100), 1);
  t.equal(b.constant(large), b.constant({ ...large }), 'one array');
  t.not(b.constant(large), b.constant(randomTensor(f32(100), 1)), 'equal content, two arrays');
  t.not(b.constant(large), b.constant({ ...large, type: f32(10, 10) }), 'one array, two shapes');
});

t.test('tells attributes apart which JSON would not', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(1));
  const pad = (value: number) => b.pad(x, { before: [1], after: [0], value });
  t.not(pad(Infinity), pad(-Infinity), 'infinities');
  t.not(pad(0), pad(-0), 'zeros');
  t.equal(pad(NaN), pad(NaN), 'NaN is NaN');
});

t.test('finds the nodes of the graph that it goes on from', async (t) => {
  const first = createBuilder();
  const x = first.input('x', f32(4));
  const y = first.scalar('relu', x);
  const graph = { inputs: [x], outputs: [{ name: 'y', node: y }] };
  t.equal(createBuilder(graph).scalar('relu', x), y, 'relu(x) is there already');
});

t.test('names new nodes by their origin', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(4));
  t.equal(b.named('/act/Relu').scalar('relu', x).name, '/act/Relu', 'the given name');
  t.equal(b.scalar('tanh', x).name, 'map', 'the op where none is given');
});

t.test('refuses operands at once', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(2, 3));
  const y = b.input('y', f32(4, 3));
  t.throws(() => b.scalar('add', x, y), { code: 'BAD_SHAPE' }, 'shapes do not broadcast');
  t.throws(() => b.scalar('not', x), { code: 'BAD_DTYPE' }, 'not takes bool');
  t.throws(() => b.apply('softmax', [x, y], { axis: 0 }), { code: 'BAD_SHAPE' }, 'one operand');
  t.throws(() => b.apply('concat', [], { axis: 0 }), { code: 'BAD_SHAPE' }, 'no operand');
});

t.test('chains epilogues and takes their operands last', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(2, 3));
  const r = b.input('r', f32(3));
  const s = b.input('s', f32(2, 1));
  const y = b.softmax(x, { axis: 1 }) as OpNode;
  const once = b.withEpilogue(y, parseScalar('relu(a0 + a1)'), [r]);
  const twice = b.withEpilogue(once, parseScalar('a0 * a1 + a2'), [s, r]);
  t.equal(showScalar(twice.epilogue!), 'relu(a0 + a1) * a2 + a3', 'the earlier one runs first');
  t.same(twice.inputs, [x, r, s, r], "the op's own operand comes first");
  t.same(twice.type, y.type, 'the type is that of the result');
});

t.test('takes an epilogue of a map into its expression', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(2, 3));
  const y = b.map([x, x], { expr: parseScalar('a0 * a1') }) as OpNode;
  const z = b.withEpilogue(y, parseScalar('a0 + a1'), [b.value(2)]);
  t.equal(z.epilogue, undefined, 'no epilogue');
  t.same(z.attrs, { expr: parseScalar('a0 * a1 + a2') }, 'one expression');
});

t.test('refuses epilogues which enlarge the result or do not read an operand', async (t) => {
  const b = createBuilder();
  const y = b.softmax(b.input('x', f32(1, 3)), { axis: 1 }) as OpNode;
  const wide = b.input('wide', f32(2, 3));
  const same = b.input('same', f32(1, 3));
  const add = parseScalar('a0 + a1');
  t.throws(() => b.withEpilogue(y, add, [wide]), { code: 'BAD_SHAPE' }, 'enlarges');
  t.throws(() => b.withEpilogue(y, add, [same, same]), { code: 'BAD_SHAPE' }, 'a2 is not read');
  t.throws(() => b.withEpilogue(y, add, []), { code: 'BAD_DTYPE' }, 'a1 is missing');
});

t.test('makes an op again over other operands, under its own name', async (t) => {
  const b = createBuilder();
  const x = b.input('x', f32(2, 3));
  const y = b.named('probabilities').softmax(x, { axis: 1 }) as OpNode;
  t.equal(b.withInputs(y, [x]), y, 'the same operands give the same node');
  const z = b.withInputs(y, [b.scalar('neg', x)]);
  t.equal(z.name, 'probabilities', 'the name stays');
  t.same(z.type, typeOf('f32[2,3]'), 'the type is inferred again');
});
