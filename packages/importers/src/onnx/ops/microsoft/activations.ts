// Activations that ONNX Runtime writes as operators of their own, or into the layer before them.

import { arg, call, literal, type Node, parseScalar, type Scalar } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';

const quick = (site: Site) => {
  const alpha = literal(site.attributes.float('alpha', 1.702));
  return call('mul', arg(0), call('sigmoid', call('mul', alpha, arg(0))));
};

const biased = (site: Site): Node => {
  const bias = site.optional(1);
  return bias ? site.b.scalar('add', site.input(0), bias) : site.input(0);
};

/** What a fused activation does, from the numbers that it is given. */
const fused: Readonly<Record<string, (numbers: readonly number[]) => Scalar>> = {
  Relu: () => call('relu', arg(0)),
  Tanh: () => call('tanh', arg(0)),
  Sigmoid: () => call('sigmoid', arg(0)),
  LeakyRelu: ([alpha = 0.01]) =>
    call('select', call('ge', arg(0), literal(0)), arg(0), call('mul', arg(0), literal(alpha))),
  Clip: ([low = -3.4028234663852886e38, high = 3.4028234663852886e38]) =>
    call('min', call('max', arg(0), literal(low)), literal(high)),
  HardSigmoid: ([alpha = 0.2, beta = 0.5]) => {
    const line = call('add', call('mul', arg(0), literal(alpha)), literal(beta));
    return call('max', literal(0), call('min', literal(1), line));
  },
};

/** Applies the activation that the call names, if any. */
export function activated(site: Site, x: Node, numbers: readonly number[]): Node {
  const name = site.attributes.string('activation', '');
  if (name === '') return x;
  const make = Object.hasOwn(fused, name) ? fused[name] : undefined;
  if (make === undefined) throw site.unsupported(`the fused activation ${name}`);
  return site.b.map([x], { expr: make(numbers) });
}

/** Activations, by name. */
export const activations: Importers = {
  BiasGelu: { import: (site) => site.b.gelu(biased(site), { approximate: 'none' }) },
  FastGelu: { import: (site) => site.b.gelu(biased(site), { approximate: 'tanh' }) },
  Gelu: { import: (site) => site.b.gelu(site.input(0), { approximate: 'none' }) },
  QuickGelu: { import: (site) => site.b.map([site.input(0)], { expr: quick(site) }) },
  BiasSoftmax: {
    import: (site) => {
      const sum = biased(site);
      const rank = sum.type.shape.length;
      const axis = site.attributes.int('axis', 1);
      if (axis !== rank - 1 && axis !== -1) throw site.unsupported('a softmax of inner axes');
      return site.b.softmax(sum, { axis: rank - 1 });
    },
  },
  BiasSplitGelu: {
    import: (site) => {
      const { b } = site;
      const sum = biased(site);
      const { shape } = sum.type;
      const half = shape.at(-1)! / 2;
      const part = (start: number) =>
        b.slice(sum, {
          starts: [...shape.slice(0, -1).map(() => 0), start],
          sizes: [...shape.slice(0, -1), half],
          steps: shape.map(() => 1),
        });
      return b.scalar('mul', part(0), b.gelu(part(half), { approximate: 'none' }));
    },
  },
  Silu: {
    import: (site) => site.b.map([site.input(0)], { expr: parseScalar('a0 * sigmoid(a0)') }),
  },
};
