import {
  arg,
  compileScalar,
  differentiateScalar,
  EspalierError,
  evaluateScalar,
  inferScalar,
  literal,
  parseScalar,
  type Scalar,
  type ScalarName,
  scalars,
  showScalar,
  substitute,
} from '@espalier/ir';
import fc from 'fast-check';
import t from 'tap';

const value = (text: string, ...args: number[]) => evaluateScalar(parseScalar(text), args);

t.test('rounds halves to even', async (t) => {
  for (const [x, y] of [
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [-0.5, 0],
    [-1.5, -2],
    [2.4, 2],
  ] as const)
    t.equal(value('round(a0)', x) + 0, y, `round(${x})`);
});

t.test('takes the remainder with the sign of the divisor or of the dividend', async (t) => {
  t.equal(value('mod(a0, a1)', -7, 3), 2, 'mod as Python does');
  t.equal(value('mod(a0, a1)', 7, -3), -2, 'mod as Python does');
  t.equal(value('rem(a0, a1)', -7, 3), -1, 'rem as C does');
});

t.test('truncates integer division and wraps integer products', async (t) => {
  const integers = (text: string, ...args: number[]) =>
    evaluateScalar(parseScalar(text), args, ['i32', 'i32']);
  t.equal(integers('a0 / a1', -7, 2), -3, 'towards zero');
  t.equal(integers('a0 / a1', 5, 0), 0, 'by zero is 0');
  t.equal(integers('a0 * a1', 123456789, 987654321), -67153019, 'low 32 bits');
  t.equal(integers('a0 + a1', 2 ** 31 - 1, 1), -(2 ** 31), 'sums wrap');
});

t.test('converts to integers towards zero and saturates', async (t) => {
  t.equal(value('toI32(a0)', -2.7), -2, 'towards zero');
  t.equal(value('toI32(a0)', 1e20), 2 ** 31 - 1, 'the greatest');
  t.equal(value('toI32(a0)', NaN), 0, 'NaN is 0');
});

t.test('propagates NaN through max, min and relu', async (t) => {
  for (const text of ['max(a0, a1)', 'max(a1, a0)', 'min(a0, a1)', 'min(a1, a0)', 'relu(a0)'])
    t.ok(Number.isNaN(value(text, NaN, 1)), text);
});

t.test('knows the error function to double precision', async (t) => {
  // The values of erf in the C library.
  for (const [x, y] of [
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [7, 1],
  ] as const) {
    t.ok(Math.abs(scalars.erf.evaluate([x], 'f32') - y) < 4e-16, `erf(${x})`);
    t.equal(scalars.erf.evaluate([-x], 'f32'), -scalars.erf.evaluate([x], 'f32'), 'is odd');
  }
});

const points: readonly (readonly number[])[] = [
  [0.7, 1.3, 0.4],
  [-0.6, 0.8, -1.1],
  [1.9, -0.45, 0.3],
  [-1.2, -2.1, 0.9],
];

t.test('has derivatives which agree with central differences', async (t) => {
  for (const name of Object.keys(scalars) as ScalarName[]) {
    const { arity, derivative, evaluate } = scalars[name];
    if (derivative === 'none' || name === 'select' || name === 'toF32') continue;
    const slopes = derivative([arg(0), arg(1), arg(2)].slice(0, arity));
    t.equal(slopes.length, arity, `${name} has a derivative by each argument`);
    for (const point of points) {
      const at = point.slice(0, arity);
      if (!Number.isFinite(evaluate(at, 'f32'))) continue;
      slopes.forEach((slope, i) => {
        const moved = (h: number) =>
          evaluate(
            at.map((x, k) => (k === i ? x + h : x)),
            'f32',
          );
        const h = 1e-5;
        const expected = (moved(h) - moved(-h)) / (2 * h);
        if (!Number.isFinite(expected)) return; // outside of the domain, on one side
        const actual = evaluateScalar(slope, at);
        // f32 rounds each call of the slope: a few units of 6e-8.
        const error = Math.abs(actual - expected) / Math.max(1, Math.abs(expected));
        t.ok(error < 2e-6, `∂${name}/∂a${i} at ${at}: ${actual}, by differences ${expected}`);
      });
    }
  }
});

t.test('differentiates compound expressions by the chain rule', async (t) => {
  const slope = differentiateScalar(parseScalar('a0 * sigmoid(a0) + a1'), 0);
  const s = 1 / (1 + Math.exp(-0.3));
  t.ok(Math.abs(evaluateScalar(slope, [0.3, 5]) - (s + 0.3 * s * (1 - s))) < 1e-6, 'swish');
  t.same(differentiateScalar(parseScalar('floor(a0) + a1'), 0), literal(0), 'floor is flat');
  const chosen = differentiateScalar(parseScalar('select(lt(a0, 0), a0 * 2, a0 * 3)'), 0);
  t.equal(evaluateScalar(chosen, [-1]), 2, 'the slope of the branch that is taken');
});

const expressions: fc.Arbitrary<Scalar> = fc.letrec<{ expr: Scalar }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.nat(3).map(arg),
    fc.float({ noNaN: true }).map((x) => literal(x)),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((x) => literal(x, 'i32')),
    fc.boolean().map((x) => literal(Number(x), 'bool')),
    fc
      .constantFrom(...(Object.keys(scalars) as ScalarName[]))
      .chain((fn) =>
        fc
          .array(tie('expr'), { minLength: scalars[fn].arity, maxLength: scalars[fn].arity })
          .map((args): Scalar => ({ kind: 'call', fn, args })),
      ),
  ),
})).expr;

t.test('reads back every expression that it writes', async (t) => {
  fc.assert(
    fc.property(expressions, (expr) => {
      t.same(parseScalar(showScalar(expr)), expr, showScalar(expr));
    }),
    { seed: 1, numRuns: 300 },
  );
});

t.test(
  'writes operators between their operands, with brackets where they are needed',
  async (t) => {
    for (const text of ['a0 - (a1 - a2)', '(a0 + 1) * a1 / 2', 'relu(a0 * -0.5 + a1)', 'inf - nan'])
      t.equal(showScalar(parseScalar(text)), text, text);
    t.equal(showScalar(parseScalar('((a0)+a1)-a2')), 'a0 + a1 - a2', 'drops the others');
  },
);

t.test('refuses text which is no expression', async (t) => {
  for (const text of ['', 'a0 +', 'relu(a0', 'gelu(a0)', 'add(a0)', 'a0 a1', '1.2.3', '2 $ 3'])
    t.throws(() => parseScalar(text, 7), { code: 'BAD_TEXT' }, `'${text}'`);
});

t.test('ends in a coded error on damaged text', async (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseScalar(text);
      } catch (error) {
        t.ok(error instanceof EspalierError, `'${text}' is refused with a code`);
      }
    }),
    { seed: 2, numRuns: 500 },
  );
});

t.test('infers types and refuses operands which do not fit', async (t) => {
  t.equal(inferScalar(parseScalar('select(lt(a0, a1), 1, 2)'), ['i32', 'i32']), 'f32', 'select');
  t.equal(inferScalar(parseScalar('and(isNaN(a0), true)'), ['f32']), 'bool', 'and');
  const refused = (text: string) =>
    t.throws(
      () => inferScalar(parseScalar(text), ['f32', 'i32']),
      { code: 'BAD_DTYPE' },
      `${text} is refused`,
    );
  refused('a0 + a1');
  refused('sqrt(a1)');
  refused('not(a0)');
  refused('select(a0, a0, a0)');
  refused('a2');
});

t.test('substitutes arguments everywhere', async (t) => {
  const expr = substitute(parseScalar('a0 * a1 + a0'), [parseScalar('relu(a2)'), arg(0)]);
  t.equal(showScalar(expr), 'relu(a2) * a0 + relu(a2)', 'both at once');
});

t.test('rounds every call to f32, so that fusing changes no bits', async (t) => {
  const fused = compileScalar(parseScalar('a0 / 3 * a1'), ['f32', 'f32'])([1, 7]);
  t.equal(fused, Math.fround(Math.fround(1 / 3) * 7), 'as two maps give it');
});
