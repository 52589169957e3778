// Complex numbers, and Fourier transforms along the last axis.

import { type Node, parseScalar } from '@espalier/ir';
import { borrow } from '../../tensorflow/borrow.ts';
import { filled, sliceAxis } from '../../tensorflow/room.ts';
import { type GraphOperators, type GraphSite, plain } from './site.ts';
import type { Complex } from './value.ts';

const magnitude = parseScalar('sqrt(a0 * a0 + a1 * a1)');

/** Operand `i`; a real tensor has no imaginary part. */
function complexAt(site: GraphSite, i: number): Complex {
  const value = site.held[i]?.value;
  if (value?.kind === 'complex') return value;
  const re = site.tensor(i);
  return { kind: 'complex', re, im: filled(site, { dtype: 'f32', shape: re.type.shape }, 0) };
}

const lengthOf = (site: GraphSite, x: Node): number => {
  const length = x.type.shape.at(-1);
  if (!length) throw site.bad(`transforms [${x.type.shape}]`);
  return length;
};

/** The parts of `[…, n, 2]`. */
function apart(site: GraphSite, y: Node): Complex {
  const { shape } = y.type;
  const part = (i: number) =>
    site.b.reshape(sliceAxis(site, y, shape.length - 1, i, 1), { shape: shape.slice(0, -1) });
  return { kind: 'complex', re: part(0), im: part(1) };
}

/** Parts side by side along a new last axis. */
function joined({ b }: GraphSite, parts: readonly Node[]): Node {
  const wide = parts.map((part) => b.reshape(part, { shape: [...part.type.shape, 1] }));
  return wide.length === 1 ? wide[0]! : b.concat(wide, { axis: wide[0]!.type.shape.length - 1 });
}

/** The transform of parts, and its inverse. */
function transform(
  site: GraphSite,
  parts: readonly Node[],
  {
    length,
    inverse = 0,
    onesided = 0,
  }: Record<'length', number> & Partial<Record<'inverse' | 'onesided', number>>,
): Complex {
  const x = joined(site, parts);
  const axis = x.type.shape.length - 2;
  const size = site.b.value(length, 'i32');
  return apart(site, borrow(site, 'DFT', [x, size], { axis, inverse, onesided }));
}

const whole = (inverse: 0 | 1) =>
  plain((site) => {
    const { re, im } = complexAt(site, 0);
    return [transform(site, [re, im], { length: lengthOf(site, re), inverse })];
  });

/** The length that the operand asks for, or else what there is. */
const wanted = (site: GraphSite, usual: number): number =>
  site.held[1] ? (site.numbers(1)[0] ?? usual) : usual;

/** The first half of the transform of real numbers. */
const realTransform = plain((site) => {
  const x = site.tensor(0);
  return [transform(site, [x], { length: wanted(site, lengthOf(site, x)), onesided: 1 })];
});

/** Real numbers out of the first half of their transform: the other is its mirror image. */
const inverseReal = plain((site) => {
  const { b } = site;
  const { re, im } = complexAt(site, 0);
  const bins = lengthOf(site, re);
  const length = wanted(site, 2 * (bins - 1));
  const half = Math.floor(length / 2) + 1;
  if (half > bins || length < 1) throw site.unsupported(`${length} numbers out of ${bins}`);
  const axis = re.type.shape.length - 1;
  const [mirrored, first] = [length - half, half - 1 - (length % 2 === 0 ? 1 : 0)];
  const full = (x: Node, sign: 1 | -1): Node => {
    const kept = sliceAxis(site, x, axis, 0, half);
    if (mirrored < 1) return kept;
    const back = b.slice(x, {
      starts: x.type.shape.map((_, i) => (i === axis ? first : 0)),
      sizes: x.type.shape.with(axis, mirrored),
      steps: x.type.shape.map((_, i) => (i === axis ? -1 : 1)),
    });
    const turned = sign === 1 ? back : b.map([back], { expr: parseScalar('neg(a0)') });
    return b.concat([kept, turned], { axis });
  };
  return [transform(site, [full(re, 1), full(im, -1)], { length, inverse: 1 }).re];
});

/** Complex numbers and transforms, by name. */
export const spectra: GraphOperators = {
  Complex: plain((site) => [{ kind: 'complex', re: site.tensor(0), im: site.tensor(1) }]),
  ComplexAbs: plain((site) => {
    const { re, im } = complexAt(site, 0);
    return [site.b.map([re, im], { expr: magnitude })];
  }),
  FFT: whole(0),
  IFFT: whole(1),
  IRFFT: inverseReal,
  Imag: plain((site) => [complexAt(site, 0).im]),
  RFFT: realTransform,
  Real: plain((site) => [complexAt(site, 0).re]),
};
