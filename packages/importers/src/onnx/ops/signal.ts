// Fourier transforms of known length, as products with tables of cosines and sines.

import { type Node, parseScalar } from '@espalier/ir';
import { type Importer, type Importers, resolveAxis, type Site } from '../importer.ts';
import { sliceAxis } from './select.ts';

/** Real and imaginary part, or a real part alone, `[…, n]`. */
interface Complex {
  readonly re: Node;
  readonly im: Node | undefined;
}

/** Cosines or sines of `2π · row · column / n`, `[n, columns]`. */
function table(
  { b, claim }: Site,
  fn: (x: number) => number,
  n: number,
  columns: number,
  factor: number,
) {
  const data = new Float32Array(claim(n * columns, 'a table of a Fourier transform'));
  for (let i = 0; i < data.length; i++) {
    const turns = ((Math.floor(i / columns) * (i % columns)) % n) / n;
    data[i] = factor * fn(2 * Math.PI * turns);
  }
  return b.constant({ type: { dtype: 'f32', shape: [n, columns] }, data });
}

/** `Σ x · e^(∓2πi·k·t/n)` along the last axis, the first `columns` results, as `[…, columns, 2]`. */
function transform(site: Site, x: Complex, columns: number, inverse: boolean): Node {
  const { b } = site;
  const n = x.re.type.shape.at(-1)!;
  const factor = inverse ? 1 / n : 1;
  const cos = table(site, Math.cos, n, columns, factor);
  const sin = table(site, Math.sin, n, columns, inverse ? -factor : factor);
  // e^(−iα) = cos α − i · sin α
  const re = x.im ? b.scalar('add', b.matmul(x.re, cos), b.matmul(x.im, sin)) : b.matmul(x.re, cos);
  const turned = b.matmul(x.re, sin);
  const im = x.im
    ? b.scalar('sub', b.matmul(x.im, cos), turned)
    : b.map([turned], { expr: parseScalar('neg(a0)') });
  const wide = [re, im].map((part) => b.reshape(part, { shape: [...part.type.shape, 1] }));
  return b.concat(wide, { axis: re.type.shape.length });
}

/** The parts of `[…, 1 or 2]`, with `axis` last. */
function partsOf(site: Site, x: Node, axis: number): Complex {
  const { b } = site;
  const { shape } = x.type;
  const count = shape.at(-1);
  const rank = shape.length - 1;
  if (rank < 1 || (count !== 1 && count !== 2))
    throw site.bad(`[${shape.join(', ')}] is not complex`);
  const perm = Array.from({ length: rank }, (_, a) => a);
  perm.push(...perm.splice(axis, 1));
  const part = (i: number) => {
    const flat = b.reshape(sliceAxis(site, x, rank, i, 1), { shape: shape.slice(0, -1) });
    return b.transpose(flat, { perm });
  };
  return { re: part(0), im: count === 2 ? part(1) : undefined };
}

/** Cut to, or filled with zeros up to, a length of the last axis. */
function fitted(site: Site, x: Node, length: number): Node {
  const axis = x.type.shape.length - 1;
  const own = x.type.shape[axis]!;
  if (length <= own) return sliceAxis(site, x, axis, 0, length);
  const none = x.type.shape.map(() => 0);
  site.claim(length, 'a Fourier transform');
  return site.b.pad(x, { before: none, after: none.with(axis, length - own), value: 0 });
}

function dft(site: Site): Node {
  const { b, attributes } = site;
  const x = site.input(0);
  const rank = x.type.shape.length;
  const given = site.opset < 20 ? attributes.int('axis', 1) : (site.ints(2)?.[0] ?? -2);
  const axis = resolveAxis(site, given, rank);
  if (axis === rank - 1) throw site.bad('transforms the axis of real and imaginary parts');
  const whole = partsOf(site, x, axis);
  const length = site.ints(1)?.[0] ?? x.type.shape[axis]!;
  if (length < 1) throw site.bad(`length ${length}`);
  const parts = {
    re: fitted(site, whole.re, length),
    im: whole.im && fitted(site, whole.im, length),
  };
  const inverse = attributes.int('inverse', 0) !== 0;
  const oneSided = attributes.int('onesided', 0) !== 0;
  if (inverse && oneSided) throw site.unsupported('an inverse of one side');
  const y = transform(site, parts, oneSided ? Math.floor(length / 2) + 1 : length, inverse);
  const perm = Array.from({ length: rank }, (_, a) => a);
  // The transformed axis goes back from before the last.
  perm.splice(axis, 0, ...perm.splice(rank - 2, 1));
  return b.transpose(y, { perm });
}

/** Frames of `[B, length, 1]`, each times the window, transformed: `[B, frames, bins, 2]`. */
function stft(site: Site): Node {
  const { b } = site;
  const signal = site.input(0);
  const [batch, length, parts] = signal.type.shape as readonly [number, number, number];
  const [step] = site.requiredInts(1);
  const window = site.optional(2);
  const size = site.ints(3)?.[0] ?? window?.type.shape[0];
  if (parts !== 1) throw site.unsupported('frames of complex numbers');
  if (step === undefined || size === undefined || step < 1 || size < 1 || size > length)
    throw site.bad(`frames of ${size}, ${step} apart, of ${length}`);
  const frames = Math.floor((length - size) / step) + 1;
  const count = site.claim(frames * size, 'the places of frames');
  const places = Int32Array.from(
    { length: count },
    (_, i) => Math.floor(i / size) * step + (i % size),
  );
  const flat = b.reshape(signal, { shape: [batch, length] });
  const indices = b.constant({ type: { dtype: 'i32', shape: [frames, size] }, data: places });
  const cut = b.gather(flat, indices, { axis: 1 });
  const re = window ? b.scalar('mul', cut, window) : cut;
  const bins = site.attributes.int('onesided', 1) !== 0 ? Math.floor(size / 2) + 1 : size;
  return transform(site, { re, im: undefined }, bins, false);
}

/** A window `Σ factors[k] · cos(2πk · t / n)`. */
const window = (...factors: readonly number[]): Importer => ({
  import(site) {
    const [size] = site.requiredInts(0);
    if (size === undefined || size < 1) throw site.bad(`size ${size}`);
    const n = site.attributes.int('periodic', 1) !== 0 ? size : size - 1;
    const data = Float32Array.from({ length: site.claim(size, 'a window') }, (_, t) =>
      factors.reduce((sum, factor, k) => sum + factor * Math.cos((2 * Math.PI * k * t) / n), 0),
    );
    return site.b.constant({ type: { dtype: 'f32', shape: [size] }, data });
  },
});

/** Signals, by ONNX name. */
export const signals: Importers = {
  BlackmanWindow: window(0.42, -0.5, 0.08),
  DFT: { import: dft },
  HammingWindow: window(25 / 46, -21 / 46),
  HannWindow: window(0.5, -0.5),
  STFT: { import: stft },
};
