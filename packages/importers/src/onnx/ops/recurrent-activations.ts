// Activations of recurrent layers, by the names that their attributes use.

import { call, literal, type Scalar } from '@espalier/ir';
import type { Site } from '../importer.ts';

interface Activation {
  /** Defaults of `alpha` and `beta`; absent where the function has no such number. */
  readonly alpha?: number;
  readonly beta?: number;
  apply(x: Scalar, alpha: Scalar, beta: Scalar): Scalar;
}

const one = literal(1);
const zero = literal(0);
const choose = (condition: Scalar, a: Scalar, b: Scalar) => call('select', condition, a, b);
const line = (x: Scalar, slope: Scalar, offset: Scalar) =>
  call('add', call('mul', slope, x), offset);

const activations: Readonly<Record<string, Activation>> = {
  relu: { apply: (x) => call('relu', x) },
  tanh: { apply: (x) => call('tanh', x) },
  sigmoid: { apply: (x) => call('sigmoid', x) },
  softsign: { apply: (x) => call('div', x, call('add', one, call('abs', x))) },
  softplus: {
    apply: (x) =>
      call(
        'add',
        call('relu', x),
        call('log', call('add', one, call('exp', call('neg', call('abs', x))))),
      ),
  },
  affine: { alpha: 1, beta: 0, apply: line },
  leakyrelu: {
    alpha: 0.01,
    apply: (x, alpha) => choose(call('ge', x, zero), x, call('mul', alpha, x)),
  },
  thresholdedrelu: { alpha: 1, apply: (x, alpha) => choose(call('gt', x, alpha), x, zero) },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    apply: (x, alpha, beta) => call('mul', alpha, call('tanh', call('mul', beta, x))),
  },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    apply: (x, alpha, beta) => call('max', zero, call('min', one, line(x, alpha, beta))),
  },
  elu: {
    alpha: 1,
    apply: (x, alpha) =>
      choose(call('ge', x, zero), x, call('mul', alpha, call('sub', call('exp', x), one))),
  },
};

/**
 * The functions that a recurrent layer applies, in the order of its attribute; numbers of `activation_alpha`
 * and `activation_beta` go to those that take one. What goes into a function is clipped first,
 * where `clips` says so.
 */
export function activationsOf(
  site: Site,
  fallback: readonly string[],
  clips: (index: number) => boolean,
): readonly ((x: Scalar) => Scalar)[] {
  const { attributes } = site;
  const names = attributes.strings('activations') ?? fallback;
  if (names.length < fallback.length)
    throw site.bad(`${names.length} activations where ${fallback.length} are used`);
  const alphas = [...(attributes.floats('activation_alpha') ?? [])];
  const betas = [...(attributes.floats('activation_beta') ?? [])];
  const clip = attributes.has('clip') ? attributes.float('clip') : undefined;
  const clipped = (x: Scalar, i: number) =>
    clip === undefined || !clips(i)
      ? x
      : call('min', call('max', x, literal(-clip)), literal(clip));
  return names.map((name, i) => {
    const key = name.toLowerCase();
    const found = Object.hasOwn(activations, key) ? activations[key] : undefined;
    if (found === undefined) throw site.bad(`activation ${name}`);
    const number = (list: number[], own: number | undefined) =>
      literal(own === undefined ? 0 : (list.shift() ?? own));
    const alpha = number(alphas, found.alpha);
    const beta = number(betas, found.beta);
    return (x) => found.apply(clipped(x, i), alpha, beta);
  });
}
