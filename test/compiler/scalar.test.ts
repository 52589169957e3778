import { allocate, type DType, parseScalar, type Tensor } from '@espalier/ir';
import t, { type Test } from 'tap';
import type { Tolerance } from '../support/compare.ts';
import { matches } from '../support/matches-reference.ts';

const exact: Tolerance = { relative: 0, absolute: 0 };

/** Values as a vector; the count is off the tile on purpose where the list's is. */
function vector(values: readonly number[], dtype: DType = 'f32'): Tensor {
  const type = { dtype, shape: [values.length] };
  const data = allocate(type);
  data.set(values);
  return { type, data };
}

/** `count` numbers from `from` to `to`, both included. */
const sweep = (from: number, to: number, count = 20_001): number[] =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));

/** Both signs of magnitudes over all of f32's exponents. */
const magnitudes = Array.from({ length: 2401 }, (_, i) => 10 ** (i / 31.5 - 38)).flatMap((x) => [
  x,
  -x,
]);

const special = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 2, -2, 3, -3],
  ...[Infinity, -Infinity, NaN, 2 ** -126, -(2 ** -126), 2 ** -149, -(2 ** -149)],
  ...[3.4028234663852886e38, -3.4028234663852886e38, 2 ** 23 + 1, 2 ** 24, 8388607.5, -8388607.5],
];

/** Every pair of two lists. */
const pairs = (a: readonly number[], b: readonly number[]): readonly [number[], number[]] => [
  a.flatMap((x) => b.map(() => x)),
  a.flatMap(() => [...b]),
];

function holds(
  t: Test,
  text: string,
  operands: readonly (readonly number[])[],
  tolerance: Tolerance = exact,
  dtypes: readonly DType[] = [],
): void {
  const expr = parseScalar(text);
  matches(
    t,
    text,
    ({ b, input }) => [
      b.map(
        operands.map((values, i) => input('', 'rowMajor', vector(values, dtypes[i]))),
        { expr },
      ),
    ],
    tolerance,
  );
}

t.test('arithmetic of floats is exact, at the ends of the range too', async (t) => {
  const [a, b] = pairs([...special, 5.3, -7.25, 1e-30], [...special, 0.1, -3.7]);
  for (const fn of ['add', 'sub', 'mul', 'div', 'max', 'min']) holds(t, `${fn}(a0, a1)`, [a, b]);
  for (const fn of ['eq', 'ne', 'lt', 'le', 'gt', 'ge']) holds(t, `${fn}(a0, a1)`, [a, b]);
  holds(t, 'select(lt(a0, a1), a0, a1)', [a, b]);
  const one = [...special, ...sweep(-8, 8, 1001), ...magnitudes];
  const unary = ['neg', 'abs', 'sqrt', 'floor', 'ceil', 'round', 'sign', 'relu', 'reciprocal'];
  for (const fn of unary) holds(t, `${fn}(a0)`, [one]);
  for (const text of ['max(a0, 1)', 'max(-2, a0)', 'min(a0, 6)', 'min(0.5, max(a0, -0.5))'])
    holds(t, text, [one]);
  for (const fn of ['isNaN', 'isInf', 'toBool', 'toI32', 'toF32']) holds(t, `${fn}(a0)`, [one]);
});

t.test('remainders of floats have the sign of the dividend, or of the divisor', async (t) => {
  const finite = [0, 1, -1, 0.1, -0.1, 5.3, -5.3, 7.25, -7.25, 1000, 3.7, -3.7, 1e6, -1e-3];
  const [a, b] = pairs([...finite, Infinity, NaN], [...finite, Infinity, -Infinity, NaN]);
  holds(t, 'rem(a0, a1)', [a, b]);
  holds(t, 'mod(a0, a1)', [a, b]);
});

t.test('transcendental functions are within a few units in the last place', async (t) => {
  // A relative error of 2⁻²³ is one unit in the last place of the least mantissa.
  const ulps = (n: number, absolute = 0): Tolerance => ({ relative: n * 2 ** -23, absolute });
  holds(t, 'exp(a0)', [[...sweep(-87, 88.7), ...special]], ulps(2, 1e-44));
  holds(t, 'exp(a0)', [sweep(-110, -87, 1001)], { relative: 0, absolute: 3e-44 });
  holds(t, 'log(a0)', [[...sweep(1e-3, 30), ...magnitudes, ...special]], ulps(2, 6e-8));
  holds(t, 'sigmoid(a0)', [[...sweep(-86, 20), ...special]], ulps(3, 2e-38));
  // Subnormals have fewer digits, which a polynomial's product with them shows.
  holds(t, 'tanh(a0)', [[...sweep(-10, 10), ...magnitudes, ...special]], ulps(4, 1e-40));
  holds(t, 'erf(a0)', [[...sweep(-5, 5), ...magnitudes, ...special]], ulps(4, 1e-40));
  const angles = [...sweep(-20, 20), ...sweep(-9999, 9999), 0, -0, Infinity, -Infinity, NaN];
  holds(t, 'sin(a0)', [angles], ulps(0, 3e-7));
  holds(t, 'cos(a0)', [angles], ulps(0, 3e-7));
  holds(t, 'tan(a0)', [[...sweep(-1.5, 1.5), ...sweep(-4, 4, 1001)]], ulps(8, 3e-7));
});

t.test('powers are as in C, within a millionth', async (t) => {
  const tolerance: Tolerance = { relative: 1e-6, absolute: 1e-44 };
  // Whether the last 1e-6 of f32's range overflow is within the error.
  const most = special.filter((x) => !(Math.abs(x) > 1e38 && Math.abs(x) < Infinity));
  const bases = [...sweep(0, 12, 301), ...most, 1e38, -1e38, -7, -0.1];
  const [a, b] = pairs(bases, [...special, 4, -4, 7, 1 / 3, -1 / 3, 10, 0.25]);
  holds(t, 'pow(a0, a1)', [a, b], tolerance);
  holds(t, 'pow(a0, 2)', [[...sweep(-100, 100), ...special]], tolerance);
  holds(t, 'pow(a0, 0.5)', [[...sweep(0, 1000), ...magnitudes.filter((x) => x > 0)]], tolerance);
});

t.test('integers wrap, and divide towards zero', async (t) => {
  const ends = [2 ** 31 - 1, -(2 ** 31), 0, 1, -1, 2, -2, 7, -7, 100, -13, 65537];
  const [a, b] = pairs(ends, ends);
  const both: readonly DType[] = ['i32', 'i32'];
  for (const fn of ['add', 'sub', 'mul', 'div', 'rem', 'mod', 'max', 'min'])
    holds(t, `${fn}(a0, a1)`, [a, b], exact, both);
  for (const fn of ['eq', 'ne', 'lt', 'le', 'gt', 'ge'])
    holds(t, `${fn}(a0, a1)`, [a, b], exact, both);
  for (const fn of ['neg', 'abs', 'sign', 'relu', 'toF32', 'toBool', 'toI32'])
    holds(t, `${fn}(a0)`, [ends], exact, ['i32']);
});

t.test('truth is 0 or 1', async (t) => {
  const [a, b] = pairs([0, 1], [0, 1]);
  for (const fn of ['and', 'or', 'xor', 'eq', 'ne'])
    holds(t, `${fn}(a0, a1)`, [a, b], exact, ['bool', 'bool']);
  for (const fn of ['not', 'toF32', 'toI32', 'toBool']) holds(t, `${fn}(a0)`, [a], exact, ['bool']);
  holds(t, 'select(a0, not(a1), a1)', [a, b], exact, ['bool', 'bool']);
});

t.test('parts that occur often are computed once, and have their own value', async (t) => {
  const x = sweep(-6, 6, 1001);
  const tolerance: Tolerance = { relative: 1e-6, absolute: 1e-6 };
  holds(t, 'a0 * sigmoid(a0) + sigmoid(a0) * (a0 + a0)', [x], tolerance);
  holds(t, 'log(1 + exp(a0)) * tanh(log(1 + exp(a0))) - exp(a1)', [x, x.toReversed()], tolerance);
  holds(t, 'max(a0, 0) + exp(min(a0, 0)) - 1', [x], tolerance);
  holds(t, 'a0 * min(max(a0 + 3, 0), 6) / 6', [x], tolerance);
});

t.test('shorter code for known forms means the same', async (t) => {
  const x = [...sweep(-30, 30, 4001), ...magnitudes, ...special];
  // The reference rounds `1 + exp` and the logarithm.
  const slack: Tolerance = { relative: 6e-7, absolute: 1.2e-7 };
  const softplus = 'relu(a0) + log(1 + exp(neg(abs(a0))))';
  for (const form of [softplus, 'log(exp(neg(abs(a0))) + 1) + relu(a0)', 'log(1 + exp(a0))'])
    holds(t, `tanh(${form})`, [x], slack);
  // Not the function itself: the argument, the number or the sign differs.
  holds(t, 'tanh(relu(a0) + log(1 + exp(neg(abs(a1)))))', [x, x.toReversed()], slack);
  holds(t, 'tanh(log(2 + exp(a0)))', [sweep(-20, 20)], slack);
  for (const slope of [0.1, 0.5, 1, 0, 2, -0.25])
    for (const [test, ...sides] of [
      ['ge(a0, 0)', 'a0', `${slope} * a0`],
      ['gt(a0, 0)', 'a0', `a0 * ${slope}`],
      ['lt(a0, 0)', `${slope} * a0`, 'a0'],
      ['ge(a0, 0)', `${slope} * a0`, 'a0'],
      ['ge(a0, 1)', 'a0', `${slope} * a0`],
    ])
      holds(t, `select(${test}, ${sides.join(', ')})`, [x]);
  const [a, b] = pairs(special, special);
  for (const test of ['eq', 'ne', 'lt', 'le', 'gt', 'ge'])
    holds(t, `select(${test}(a0, a1), a0 - 1, a1 * 2)`, [a, b]);
  holds(t, 'erf(a0 / 1.4142135) * exp(a0 / 7)', [sweep(-20, 20)], { relative: 1e-6, absolute: 0 });
  holds(t, 'floor(a0 / 49)', [sweep(0, 4900, 4901)]);
});

t.test('long expressions agree for any count, whichever vectors go together', async (t) => {
  for (const count of [1, 3, 4, 5, 8, 9, 12, 13, 16, 17, 23, 31, 33])
    for (const text of ['a0 * sigmoid(a0)', 'exp(a0) - pow(a0, 3)', 'rem(exp(a0), 3) + sin(a0)'])
      holds(t, text, [sweep(-3, 3, count)], { relative: 2e-6, absolute: 2e-6 });
});
