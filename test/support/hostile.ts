// Seeded damage to model files: cut short, bits flipped, parts emptied, lengths blown up.

/** A small generator of reproducible numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** A run of bytes, `[start, end)`. */
export type Span = readonly [number, number];

/** The parts of a file outside of its larger weights, which are views of its bytes. */
export function structureOf(bytes: Uint8Array, weights: readonly Uint8Array[]): Span[] {
  const large = weights
    .filter((raw) => raw.length > 64)
    .map((raw): Span => {
      const start = raw.byteOffset - bytes.byteOffset;
      return [start, start + raw.length];
    })
    .sort(([a], [b]) => a - b);
  const ends = [0, ...large.map(([, end]) => end)];
  const starts = [...large.map(([start]) => start), bytes.length];
  return ends.map((end, i): Span => [end, starts[i]!]).filter(([start, end]) => end > start);
}

/** Ways to damage a file, each at a random place of `spans`. */
const damages = {
  truncate: (bytes: Uint8Array, at: number) => bytes.slice(0, at),
  flip(bytes: Uint8Array, at: number, random: () => number) {
    const copy = bytes.slice();
    copy[at]! ^= 1 << Math.floor(random() * 8);
    return copy;
  },
  empty: (bytes: Uint8Array, at: number, random: () => number) => {
    const copy = bytes.slice();
    copy.fill(0, at, at + 1 + Math.floor(random() * 8));
    return copy;
  },
  oversize(bytes: Uint8Array, at: number, random: () => number) {
    const copy = bytes.slice();
    const length = 1 + Math.floor(random() * 9);
    for (let i = 0; i < length && at + i < copy.length; i++)
      copy[at + i] = i === length - 1 ? 0x7f : 0xff;
    return copy;
  },
  remove: (bytes: Uint8Array, at: number, random: () => number) => {
    const end = Math.min(bytes.length, at + 1 + Math.floor(random() * 64));
    const rest = new Uint8Array(bytes.length - (end - at));
    rest.set(bytes.subarray(0, at));
    rest.set(bytes.subarray(end), at);
    return rest;
  },
} as const;

/**
 * A damaged copy of a file. Most damage goes to the given spans, where its structure is: the rest is
 * weights, of which any bits are as good as others.
 */
export function damage(bytes: Uint8Array, spans: readonly Span[], random: () => number) {
  const kinds = Object.keys(damages) as (keyof typeof damages)[];
  const kind = kinds[Math.floor(random() * kinds.length)]!;
  const [start, end] =
    random() < 0.8 && spans.length > 0
      ? spans[Math.floor(random() * spans.length)]!
      : ([0, bytes.length] as const);
  const at = Math.floor(start + random() * (end - start));
  return { kind, at, bytes: damages[kind](bytes, at, random) };
}
