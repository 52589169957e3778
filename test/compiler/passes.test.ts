import { applyPass, optimise, pipeline } from '@espalier/compiler';
import { createBuilder, type Node, parseScalar, print } from '@espalier/ir';
import t from 'tap';
import { leaves, rewrites } from '../support/ir.ts';

/** The pass of a name, as a function over graphs. */
function pass(
  name: string,
): (graph: Parameters<typeof optimise>[0]) => ReturnType<typeof optimise> {
  const found = pipeline.find((one) => one.name === name);
  if (!found) throw new Error(`no pass is named ${name}`);
  return (graph) => applyPass(found, graph);
}

const list = (count: number, from = 1): string =>
  Array.from({ length: count }, (_, i) => (((from + i) * 5) % 9) - 4).join(', ');

const window = '{dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}';

t.test('every pass has a name of its own and says what it does', async (t) => {
  const names = pipeline.map(({ name }) => name);
  t.equal(new Set(names).size, names.length, 'no name twice');
  for (const { name, summary } of pipeline) t.match(summary, /^[A-Z].*\.$/, `${name}: a sentence`);
});

t.test(
  'lower-compositions leaves primitives only',
  rewrites(
    pass('lower-compositions'),
    `
      x = input f32[1,2,2,2]
      y = depthToSpace(x) {block: 1, mode: DCR}
      return y
    `,
    `
      x = input f32[1,2,2,2]
      a = reshape(x) {shape: [1, 1, 1, 2, 2, 2]}
      b = transpose(a) {perm: [0, 3, 4, 1, 5, 2]}
      y = reshape(b) {shape: [1, 2, 2, 2]}
      return y
    `,
  ),
);

t.test(
  'fold-constants computes what depends on constants alone',
  rewrites(
    pass('fold-constants'),
    `
      x = input f32[2]
      a = constant f32[2] {1, 2}
      b = constant f32[2] {3, 4}
      c = map(a, b) {expr: a0 * a1}
      d = map(c) {expr: sqrt(a0)}
      y = map(x, d) {expr: a0 + a1}
      return y
    `,
    `
      x = input f32[2]
      d = constant f32[2] {1.7320508, 2.828427}
      y = map(x, d) {expr: a0 + a1}
      return y
    `,
  ),
);

t.test(
  'fold-constants leaves what would bloat the weights',
  leaves(
    pass('fold-constants'),
    `
      x = input f32[1000,1000]
      a = constant f32[1] {1}
      b = expand(a) {shape: [1000, 1000]}
      y = map(x, b) {expr: a0 + a1}
      return y
    `,
  ),
);

t.test(
  'simplify-movers removes movers that do nothing',
  rewrites(
    pass('simplify-movers'),
    `
      x = input f32[2,3]
      a = reshape(x) {shape: [2, 3]}
      b = transpose(a) {perm: [0, 1]}
      c = expand(b) {shape: [2, 3]}
      d = slice(c) {sizes: [2, 3], starts: [0, 0], steps: [1, 1]}
      e = pad(d) {after: [0, 0], before: [0, 0], value: 1}
      f = concat(e) {axis: 0}
      y = map(f) {expr: abs(a0)}
      return y
    `,
    `
      x = input f32[2,3]
      y = map(x) {expr: abs(a0)}
      return y
    `,
  ),
);

t.test(
  'simplify-movers merges pairs',
  rewrites(
    pass('simplify-movers'),
    `
      x = input f32[2,3,4]
      a = transpose(x) {perm: [1, 2, 0]}
      b = transpose(a) {perm: [1, 0, 2]}
      c = reshape(b) {shape: [24]}
      d = reshape(c) {shape: [6, 4]}
      return d
    `,
    `
      x = input f32[2,3,4]
      b = transpose(x) {perm: [2, 1, 0]}
      d = reshape(b) {shape: [6, 4]}
      return d
    `,
  ),
);

t.test(
  'simplify-movers keeps a slice that turns an axis around',
  leaves(
    pass('simplify-movers'),
    `
      x = input f32[3]
      y = slice(x) {sizes: [3], starts: [2], steps: [-1]}
      return y
    `,
  ),
);

t.test(
  'make-linear turns a product by a constant matrix into a layer',
  rewrites(
    pass('make-linear'),
    `
      x = input f32[5,2]
      w = constant f32[2,3] {${list(6)}}
      y = matmul(x, w)
      return y
    `,
    `
      x = input f32[5,2]
      w = constant f32[3,2] {${list(6)}}
      b = constant f32[3] {0, 0, 0}
      y = linear(x, w, b)
      return y
    `,
  ),
);

t.test(
  'make-linear leaves products of batches of constants',
  leaves(
    pass('make-linear'),
    `
      x = input f32[2,5,2]
      w = constant f32[2,2,3] {${list(12)}}
      y = matmul(x, w)
      return y
    `,
  ),
);

for (const { layer, op, weights, attrs, shape } of [
  { layer: 'conv', op: 'conv', weights: 'f32[3,2,1,1]', attrs: window, shape: '[3,1,1]' },
  {
    layer: 'depthwise conv',
    op: 'conv',
    weights: 'f32[2,1,1,3]',
    attrs: window.replace('groups: 1', 'groups: 2'),
    shape: '[2,1,1]',
  },
  {
    layer: 'convTranspose',
    op: 'convTranspose',
    weights: 'f32[2,3,1,1]',
    attrs: window.replace('pads', 'outputPadding: [0, 0], pads'),
    shape: '[3,1,1]',
  },
  {
    layer: 'grouped convTranspose',
    op: 'convTranspose',
    weights: 'f32[2,3,1,1]',
    attrs: window.replace('groups: 1', 'groups: 2').replace('pads', 'outputPadding: [0, 0], pads'),
    shape: '[6,1,1]',
  },
  { layer: 'linear', op: 'linear', weights: 'f32[3,5]', attrs: '', shape: '[3]' },
]) {
  const sizes = (text: string) =>
    text
      .slice(text.indexOf('[') + 1, -1)
      .split(',')
      .map(Number);
  const product = (text: string) => sizes(text).reduce((n, d) => n * d, 1);
  const outputs = product(`f32${shape}`);
  const head = `
    x = input f32[1,2,4,5]
    w = constant ${weights} {${list(product(weights))}}
    b = constant f32[${outputs}] {${list(outputs, 2)}}
    c = ${op}(x, w, b) ${attrs}
  `;
  const factors = `constant f32${shape} {${list(outputs, 3)}}`;
  const after = `${head}\n return y: c`;
  const fold = pass('fold-affine');
  t.test(
    `fold-affine takes scale and shift into ${layer}`,
    rewrites(
      fold,
      `${head}
        s = ${factors}
        t = constant f32${shape} {${list(outputs, 4)}}
        y = map(c, s, t) {expr: a0 * a1 + a2}
        return y`,
      after,
    ),
  );
  t.test(
    `fold-affine takes factors, then terms into ${layer}`,
    rewrites(
      fold,
      `${head}
        s = ${factors}
        m = map(s, c) {expr: a0 * a1}
        t = constant f32[] {0.5}
        y = map(m, t) {expr: a0 + a1}
        return y`,
      after,
    ),
  );
}

const convolution = `
  x = input f32[1,2,4,4]
  w = constant f32[4,2,1,1] {${list(8)}}
  b = constant f32[4] {1, 2, 3, 4}
  c = conv(x, w, b) ${window}
`;

t.test(
  'fold-affine leaves a layer that others read too',
  leaves(
    pass('fold-affine'),
    `${convolution}
      s = constant f32[4,1,1] {1, 2, 3, 4}
      y = map(c, s) {expr: a0 * a1}
      return y, c`,
  ),
);

t.test(
  'fold-affine leaves factors along another axis than the channels',
  leaves(
    pass('fold-affine'),
    `${convolution}
      s = constant f32[4] {1, 2, 3, 4}
      y = map(c, s) {expr: a0 * a1}
      return y`,
  ),
);

t.test(
  'fold-affine leaves a factor that makes the result larger',
  leaves(
    pass('fold-affine'),
    `${convolution}
      s = constant f32[1,1,1,1,1] {2}
      y = map(c, s) {expr: a0 * a1}
      return y`,
  ),
);

t.test(
  'inline-literals moves single elements into expressions',
  rewrites(
    pass('inline-literals'),
    `
      x = input f32[2,3]
      c = constant f32[1,1] {2.5}
      y = map(c, x) {expr: a0 * a1 + a0}
      return y
    `,
    `
      x = input f32[2,3]
      y = map(x) {expr: 2.5 * a0 + 2.5}
      return y
    `,
  ),
);

t.test(
  'inline-literals leaves a constant that gives the result its rank',
  leaves(
    pass('inline-literals'),
    `
      x = input f32[3]
      c = constant f32[1,1] {2.5}
      y = map(c, x) {expr: a0 * a1}
      return y
    `,
  ),
);

t.test(
  'multiply-by-inverses divides by no number',
  rewrites(
    pass('multiply-by-inverses'),
    `
      x = input f32[2,3]
      a = map(x) {expr: a0 / 4 + relu(a0 / -0.5)}
      b = reshape(a) {shape: [6]}
      y = map(b) {expr: a0 * min(max(a0 + 3, 0), 6) / 8}
      return y
    `,
    `
      x = input f32[2,3]
      a = map(x) {expr: a0 * 0.25 + relu(a0 * -2)}
      b = reshape(a) {shape: [6]}
      y = map(b) {expr: a0 * min(max(a0 + 3, 0), 6) * 0.125}
      return y
    `,
  ),
);

for (const [what, expr] of Object.entries({
  'divisors without a normal inverse': 'a0 / 0 + a0 / 1e-39 + a0 / 2e38',
  'divisors that are no numbers': 'a0 / a1 + 3 / a1',
  'what is rounded': 'floor(a0 / 8 + a1) + a1',
  'what is compared': 'select(ge(a0 / 8, a1), a0, a1)',
  'what a root or a divisor is made of': 'sqrt(1 - a0 / 8) + 1 / (1 - a1 / 8)',
}))
  t.test(
    `multiply-by-inverses leaves ${what}`,
    leaves(
      pass('multiply-by-inverses'),
      `
        x = input f32[4]
        z = input f32[4]
        y = map(x, z) {expr: ${expr}}
        return y
      `,
    ),
  );

t.test(
  'multiply-by-inverses leaves integers',
  leaves(
    pass('multiply-by-inverses'),
    `
      x = input i32[4]
      y = map(x) {expr: a0 / 8i}
      return y
    `,
  ),
);

t.test(
  'multiply-by-inverses leaves what others round, however far away',
  leaves(
    pass('multiply-by-inverses'),
    `
      x = input f32[1,4]
      a = map(x) {expr: a0 / 8}
      b = reshape(a) {shape: [4]}
      c = map(b) {expr: a0 + 0.5}
      y = map(c) {expr: floor(a0)}
      return c, y
    `,
  ),
);

t.test('quotients stay in exact code, and where they are ranked', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [2, 3] });
  const sixth = b.map([x], { expr: parseScalar('a0 / 6') });
  const ranked = b.argReduce(sixth, { kind: 'max', axis: 1, keepDims: false, pick: 'first' });
  const shown = (nodes: readonly Node[], exact?: boolean): string =>
    print(
      optimise(
        { inputs: [x], outputs: nodes.map((node, i) => ({ name: `y${i}`, node })) },
        { exact },
      ),
    );
  t.notMatch(shown([sixth]), '/');
  t.match(shown([sixth], true), 'a0 / 6');
  t.match(shown([sixth, ranked]), 'a0 / 6');
});

t.test(
  'fuse-maps merges a chain, and an operand that occurs twice',
  rewrites(
    pass('fuse-maps'),
    `
      x = input f32[2,3]
      z = input f32[3]
      a = map(x, z) {expr: a0 + a1}
      b = map(a) {expr: sigmoid(a0)}
      y = map(b, x, b) {expr: a0 * a1 - a2}
      return y
    `,
    `
      x = input f32[2,3]
      z = input f32[3]
      b = map(x, z) {expr: sigmoid(a0 + a1)}
      y = map(b, x) {expr: a0 * a1 - a0}
      return y
    `,
  ),
);

t.test(
  'fuse-maps leaves a map that is repeated to a larger shape',
  leaves(
    pass('fuse-maps'),
    `
      x = input f32[2,3]
      z = input f32[3]
      a = map(z) {expr: exp(a0)}
      y = map(x, a) {expr: a0 * a1}
      return y
    `,
  ),
);

t.test('fuse-maps keeps expressions small where operands occur twice', async (t) => {
  const b = createBuilder();
  const x = b.input('x', { dtype: 'f32', shape: [8] });
  let y = b.scalar('abs', x);
  for (let i = 0; i < 60; i++) y = b.map([y], { expr: parseScalar('a0 * sigmoid(a0)') });
  const started = performance.now();
  optimise({ inputs: [x], outputs: [{ name: 'y', node: y }] });
  const took = performance.now() - started;
  t.ok(took < 2000, `sixty maps take ${took} ms; without a bound they would take years`);
});

t.test(
  'fuse-epilogues gives a layer what follows it',
  rewrites(
    pass('fuse-epilogues'),
    `
      r = input f32[1,4,4,4]
      ${convolution}
      y = map(r, c) {expr: relu(a1 + a0)}
      return y
    `,
    `
      r = input f32[1,4,4,4]
      x = input f32[1,2,4,4]
      w = constant f32[4,2,1,1] {${list(8)}}
      b = constant f32[4] {1, 2, 3, 4}
      y = conv(x, w, b; r) ${window} then relu(a0 + a1)
      return y
    `,
  ),
);

t.test(
  'fuse-epilogues takes the layer that is computed last',
  rewrites(
    pass('fuse-epilogues'),
    `
      ${convolution}
      b2 = constant f32[4] {4, 3, 2, 1}
      v = constant f32[4,4,1,1] {${list(16)}}
      d = conv(c, v, b) ${window}
      e = conv(x, w, b2) ${window}
      y = map(d, e) {expr: a0 + a1}
      return y
    `,
    `
      x = input f32[1,2,4,4]
      w = constant f32[4,2,1,1] {${list(8)}}
      b = constant f32[4] {1, 2, 3, 4}
      b2 = constant f32[4] {4, 3, 2, 1}
      v = constant f32[4,4,1,1] {${list(16)}}
      c = conv(x, w, b) ${window}
      d = conv(c, v, b) ${window}
      y = conv(x, w, b2; d) ${window} then a1 + a0
      return y
    `,
  ),
);

t.test(
  'fuse-epilogues leaves a layer that others read too',
  leaves(
    pass('fuse-epilogues'),
    `${convolution}
      y = map(c) {expr: relu(a0)}
      return y, c`,
  ),
);

t.test(
  'fuse-epilogues leaves a layer whose result is repeated',
  leaves(
    pass('fuse-epilogues'),
    `
      r = input f32[3,4,4,4]
      ${convolution}
      y = map(r, c) {expr: a0 + a1}
      return y
    `,
  ),
);

t.test(
  'sink-transposes moves transposes of images behind maps, pads, joins and folds',
  rewrites(
    pass('sink-transposes'),
    `
      x = input f32[1,2,3,4]
      y = input f32[1,2,3,4]
      c = constant f32[2] {5, 6}
      a = transpose(x) {perm: [0, 2, 3, 1]}
      b = transpose(y) {perm: [0, 2, 3, 1]}
      d = map(a, b, c) {expr: (a0 + a1) * a2}
      e = pad(d) {after: [0, 0, 2, 0], before: [0, 1, 0, 0], value: 0}
      f = concat(e, e) {axis: 3}
      g = reduce(f) {axes: [1, 2], keepDims: true, kind: sum}
      return g
    `,
    `
      x = input f32[1,2,3,4]
      y = input f32[1,2,3,4]
      c = constant f32[1,2,1,1] {5, 6}
      d = map(x, y, c) {expr: (a0 + a1) * a2}
      e = pad(d) {after: [0, 0, 0, 2], before: [0, 0, 1, 0], value: 0}
      f = concat(e, e) {axis: 1}
      g = reduce(f) {axes: [2, 3], keepDims: true, kind: sum}
      h = transpose(g) {perm: [0, 2, 3, 1]}
      return g: h
    `,
  ),
);

t.test(
  'sink-transposes leaves a map of what is no image, and a fold that drops axes',
  leaves(
    pass('sink-transposes'),
    `
      x = input f32[1,2,3,4]
      y = input f32[1,3,4,2]
      a = transpose(x) {perm: [0, 2, 3, 1]}
      d = map(a, y) {expr: a0 + a1}
      e = reduce(a) {axes: [1, 2], keepDims: false, kind: sum}
      return d, e
    `,
  ),
);

t.test(
  'fold-pads lets a convolution pad for itself',
  rewrites(
    pass('fold-pads'),
    `
      x = input f32[1,1,3,4]
      w = constant f32[1,1,2,2] {1, 2, 3, 4}
      b = constant f32[1] {0}
      a = pad(x) {after: [0, 0, 2, 0], before: [0, 0, 1, 3], value: 0}
      y = conv(a, w, b) {dilation: [1, 1], groups: 1, pads: [0, 1, 0, 0], stride: [1, 1]}
      return y
    `,
    `
      x = input f32[1,1,3,4]
      w = constant f32[1,1,2,2] {1, 2, 3, 4}
      b = constant f32[1] {0}
      y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [1, 4, 2, 0], stride: [1, 1]}
      return y
    `,
  ),
);

t.test(
  'fold-pads leaves what is padded by something else than zeros, or along channels',
  leaves(
    pass('fold-pads'),
    `
      x = input f32[1,1,3,4]
      w = constant f32[1,1,2,2] {1, 2, 3, 4}
      v = constant f32[1,2,1,1] {1, 2}
      b = constant f32[1] {0}
      a = pad(x) {after: [0, 0, 0, 1], before: [0, 0, 0, 0], value: 1}
      y = conv(a, w, b) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}
      c = pad(x) {after: [0, 1, 0, 0], before: [0, 0, 0, 0], value: 0}
      z = conv(c, v, b) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}
      return y, z
    `,
  ),
);
