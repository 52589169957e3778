// Inverse and hyperbolic functions, from the functions that kernels have.

import { call, parseScalar, type Scalar, substitute } from '@espalier/ir';
import type { Importer, Importers } from '../importer.ts';

const expression = (expr: Scalar): Importer => ({
  import: (site) => site.b.map([site.input(0)], { expr }),
});

const text = (expr: string): Importer => expression(parseScalar(expr));

/** Polynomials of Cephes' single-precision library, and where it goes from one range to the next [Moshier 1989]. */
const atanNear = parseScalar(
  '(((8.05374449538e-2 * (a0 * a0) - 1.38776856032e-1) * (a0 * a0) + 1.99777106478e-1)' +
    ' * (a0 * a0) - 3.33329491539e-1) * (a0 * a0) * a0 + a0',
);
const asinNear = parseScalar(
  '((((4.2163199048e-2 * (a0 * a0) + 2.4181311049e-2) * (a0 * a0) + 4.5470025998e-2) * (a0 * a0)' +
    ' + 7.4953002686e-2) * (a0 * a0) + 1.6666752422e-1) * (a0 * a0) * a0 + a0',
);
const halfPi = Math.PI / 2;

/** `a0` is replaced. */
const of = (expr: Scalar, ...parts: readonly string[]) =>
  substitute(
    expr,
    parts.map((part) => parseScalar(part)),
  );

const magnitude = 'abs(a0)';
const atanOfMagnitude = call(
  'select',
  parseScalar(`gt(${magnitude}, 2.414213562373095)`),
  substitute(parseScalar(`${halfPi} - a0`), [of(atanNear, `1 / ${magnitude}`)]),
  call(
    'select',
    parseScalar(`gt(${magnitude}, 0.4142135623730950)`),
    substitute(parseScalar(`${Math.PI / 4} + a0`), [
      of(atanNear, `(${magnitude} - 1) / (${magnitude} + 1)`),
    ]),
    of(atanNear, magnitude),
  ),
);

/** `arcsin(√((1 − |x|) / 2))`, for |x| above a half. */
const farHalf = of(asinNear, `sqrt((1 - ${magnitude}) * 0.5)`);
const isNear = parseScalar(`le(${magnitude}, 0.5)`);
const signed = (expr: Scalar) => call('mul', parseScalar('sign(a0)'), expr);

const asin = call(
  'select',
  isNear,
  asinNear,
  signed(substitute(parseScalar(`${halfPi} - 2 * a0`), [farHalf])),
);
const acos = call(
  'select',
  isNear,
  substitute(parseScalar(`${halfPi} - a0`), [asinNear]),
  call(
    'select',
    parseScalar('gt(a0, 0)'),
    substitute(parseScalar('2 * a0'), [farHalf]),
    substitute(parseScalar(`${Math.PI} - 2 * a0`), [farHalf]),
  ),
);

/** Inverse and hyperbolic functions, by ONNX name. */
export const trigonometry: Importers = {
  Acos: expression(acos),
  Acosh: text('log(a0 + sqrt(a0 * a0 - 1))'),
  Asin: expression(asin),
  Asinh: text('sign(a0) * log(abs(a0) + sqrt(a0 * a0 + 1))'),
  Atan: expression(signed(atanOfMagnitude)),
  Atanh: text('0.5 * log((1 + a0) / (1 - a0))'),
  Cosh: text('0.5 * (exp(a0) + exp(neg(a0)))'),
  // Near zero the difference would lose its digits.
  Sinh: text(
    'select(lt(abs(a0), 1), a0 * (1 + a0 * a0 / 6 * (1 + a0 * a0 / 20 * (1 + a0 * a0 / 42 * (1 + a0 * a0 / 72)))),' +
      ' 0.5 * (exp(a0) - exp(neg(a0))))',
  ),
};
