import { activationBytes, bytesOf, costs, macs, parameterBytes, parse } from '@espalier/ir';
import t from 'tap';
import { typeOf } from '../support/tensors.ts';

const attrs = '{dilation: [1, 1], groups: 1, pads: [1, 1, 1, 1], stride: [1, 1]}';

const graph = parse(`
  x = input f32[1,3,8,8]
  w = constant f32[4,3,3,3]
  b = constant f32[4]
  y = conv(x, w, b) ${attrs}
  r = map(y) {expr: relu(a0)}
  w2 = constant f32[4,4,3,3]
  z = conv(r, w2, b; y) ${attrs} then a0 + a1
  return z
`);

t.test('counts multiply-accumulates, parameters and activations', async (t) => {
  t.equal(macs(graph), 8 * 8 * 4 * 9 * (3 + 4), 'nine taps an input channel');
  t.equal(parameterBytes(graph), 4 * (4 * 3 * 9 + 4 + 4 * 4 * 9), 'the shared bias once');
  t.equal(activationBytes(graph), 3 * 4 * 4 * 8 * 8, 'three results');
});

t.test('lists ops in the order of evaluation', async (t) => {
  t.same(
    costs(graph).map(({ name, op }) => `${name}: ${op}`),
    ['y: conv', 'r: map', 'z: conv'],
    'names and ops',
  );
  const [, relu] = costs(graph);
  t.equal(relu?.macs, 0, 'a map multiplies no weights');
  t.equal(relu?.parameterBytes, 0, 'and has none');
});

t.test('sizes values by their element type', async (t) => {
  t.equal(bytesOf(typeOf('f32[2,3]')), 24, 'f32');
  t.equal(bytesOf(typeOf('bool[2,3]')), 6, 'bool');
  t.equal(bytesOf(typeOf('i32[]')), 4, 'a scalar');
  t.equal(bytesOf(typeOf('f32[0,3]')), 0, 'nothing');
});
