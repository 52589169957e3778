// Operators that apply one function to each element.

import { arg, call, literal, type Scalar } from '@espalier/ir';
import type { Importer, Importers, Site } from '../importer.ts';
import { wrapped } from './cast.ts';

const x = arg(0);
const number = (value: number) => literal(value);
const add = (a: Scalar, b: Scalar) => call('add', a, b);
const sub = (a: Scalar, b: Scalar) => call('sub', a, b);
const mul = (a: Scalar, b: Scalar) => call('mul', a, b);
const div = (a: Scalar, b: Scalar) => call('div', a, b);
const exp = (a: Scalar) => call('exp', a);
const choose = (condition: Scalar, a: Scalar, b: Scalar) => call('select', condition, a, b);
const positive = call('ge', x, number(0));

/** An operator that is one expression over its element, `arg(0)`. */
const apply = (expr: (site: Site) => Scalar): Importer => ({
  since: 1, // only a hint about memory went away with version 6
  import: (site) => site.b.map([site.input(0)], { expr: expr(site) }),
});

const expression = (expr: Scalar): Importer => apply(() => expr);

/** What integers have too: the narrow ones wrap. */
const arithmetic = (expr: Scalar): Importer => ({
  since: 1,
  element: (site) => site.element(0),
  import: (site) => wrapped(site, site.b.map([site.input(0)], { expr })),
});

const float = (site: Site, name: string, fallback: number) =>
  number(site.attributes.float(name, fallback));

/** `log(1 + e^a)`, which does not overflow for large `a`. */
const softplus = (a: Scalar) =>
  add(call('relu', a), call('log', add(number(1), exp(call('neg', call('abs', a))))));

const hardSigmoid = (alpha: Scalar, beta: Scalar) =>
  call('max', number(0), call('min', number(1), add(mul(alpha, x), beta)));

/** `factor · (e^x − 1)` below 0, `above · x` from there on. */
const exponentialBelow = (factor: Scalar, above: Scalar) =>
  choose(positive, mul(above, x), mul(factor, sub(exp(x), number(1))));

/** One function of the element, by ONNX name. */
export const unary: Importers = {
  Abs: arithmetic(call('abs', x)),
  Ceil: expression(call('ceil', x)),
  Cos: expression(call('cos', x)),
  Erf: expression(call('erf', x)),
  Exp: expression(exp(x)),
  Floor: expression(call('floor', x)),
  IsInf: apply((site) => {
    const negative = site.attributes.int('detect_negative', 1) !== 0;
    const plus = site.attributes.int('detect_positive', 1) !== 0;
    if (negative && plus) return call('isInf', x);
    if (plus) return call('eq', x, number(Number.POSITIVE_INFINITY));
    return negative ? call('eq', x, number(Number.NEGATIVE_INFINITY)) : literal(0, 'bool');
  }),
  IsNaN: expression(call('isNaN', x)),
  Log: expression(call('log', x)),
  Neg: arithmetic(call('neg', x)),
  Not: expression(call('not', x)),
  Reciprocal: expression(call('reciprocal', x)),
  Relu: expression(call('relu', x)),
  Round: expression(call('round', x)),
  Sigmoid: expression(call('sigmoid', x)),
  Sign: expression(call('sign', x)),
  Sin: expression(call('sin', x)),
  Sqrt: expression(call('sqrt', x)),
  Tan: expression(call('tan', x)),
  Tanh: expression(call('tanh', x)),

  Celu: apply((site) => {
    const alpha = float(site, 'alpha', 1);
    return choose(positive, x, mul(alpha, sub(exp(div(x, alpha)), number(1))));
  }),
  Elu: apply((site) => exponentialBelow(float(site, 'alpha', 1), number(1))),
  HardSigmoid: apply((site) => hardSigmoid(float(site, 'alpha', 0.2), float(site, 'beta', 0.5))),
  HardSwish: expression(mul(x, hardSigmoid(number(1 / 6), number(0.5)))),
  LeakyRelu: apply((site) => choose(positive, x, mul(float(site, 'alpha', 0.01), x))),
  Mish: expression(mul(x, call('tanh', softplus(x)))),
  Selu: apply((site) => {
    const alpha = site.attributes.float('alpha', 1.6732632423543772);
    const gamma = site.attributes.float('gamma', 1.0507009873554805);
    return exponentialBelow(number(alpha * gamma), number(gamma));
  }),
  Shrink: apply((site) => {
    const lambda = site.attributes.float('lambd', 0.5);
    const bias = float(site, 'bias', 0);
    const below = choose(call('lt', x, number(-lambda)), add(x, bias), number(0));
    return choose(call('gt', x, number(lambda)), sub(x, bias), below);
  }),
  Softplus: expression(softplus(x)),
  Softsign: expression(div(x, add(number(1), call('abs', x)))),
  Swish: apply((site) => mul(x, call('sigmoid', mul(float(site, 'alpha', 1), x)))),
  ThresholdedRelu: apply((site) => choose(call('gt', x, float(site, 'alpha', 1)), x, number(0))),

  Gelu: {
    import: (site) => {
      const approximate = site.attributes.string('approximate', 'none');
      if (approximate !== 'none' && approximate !== 'tanh')
        throw site.bad(`Gelu approximation ${approximate}`);
      return site.b.gelu(site.input(0), { approximate });
    },
  },
};
