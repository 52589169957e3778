// How an op ties axes together: the words that op records use for `channels`.

import type { Shape, TensorType } from './types.ts';

/**
 * One axis of an operand (by its position) or of the result, seen as `[outer, units, inner]` from
 * index `offset` on: unit `u` is the indices `offset + (o · units + u) · inner + i`.
 */
export interface AxisPlace {
  readonly of: number | 'output';
  readonly axis: number;
  /** Default 0. */
  readonly offset?: number;
  /** Default 1. */
  readonly outer?: number;
  /** Default 1. */
  readonly inner?: number;
}

/**
 * Unit `u` of every place goes or stays together. The first place covers its whole axis, and so says
 * how many units there are.
 *
 * An axis that no link of an op mentions is a barrier: its extent may not change. Of a mentioned
 * axis, indices outside every link are free in an operand (the op does not read them) and a barrier
 * in the result (the op makes them of nothing).
 */
export interface AxisLink {
  readonly places: readonly AxisPlace[];
  /** The link to make instead, where this one would tie units to something that cannot change. */
  readonly otherwise?: AxisLink;
}

/** A place: `at(1, 0)` is axis 0 of operand 1. */
export const at = (
  of: number | 'output',
  axis: number,
  layout: { readonly offset?: number; readonly outer?: number; readonly inner?: number } = {},
): AxisPlace => ({ of, axis, ...layout });

/** Ties places unit by unit: `tied(at(0, 1), at(1, 1))` for the channels that a conv consumes. */
export const tied = (...places: readonly AxisPlace[]): readonly AxisLink[] => [{ places }];

/** No axis may change. */
export const barrier: readonly AxisLink[] = [];

/** The given axes of operand 0 are the same axes of the result, one to one. */
export const same = (...axes: readonly number[]): readonly AxisLink[] =>
  axes.map((axis) => ({ places: [at(0, axis), at('output', axis)] }));

/** Output `k` of axis 1 reads inputs `k, k + C, k + 2C, …`, `n` of them. */
export const interleaved = (n: number): readonly AxisLink[] =>
  tied(at(0, 1, { outer: n }), at('output', 1));

/** Output `k` of axis 1 reads inputs `n·k, n·k + 1, …`, `n` of them. */
export const blocked = (n: number): readonly AxisLink[] =>
  tied(at(0, 1, { inner: n }), at('output', 1));

/** The operands lie one after the other along `axis`; all other axes are the same. */
export function stacked(inputs: readonly TensorType[], axis: number): readonly AxisLink[] {
  let offset = 0;
  const along = inputs.map(({ shape }, of): AxisLink => {
    const link = { places: [at(of, axis), at('output', axis, { offset })] };
    offset += shape[axis]!;
    return link;
  });
  const rank = inputs[0]?.shape.length ?? 0;
  const across = Array.from(
    { length: rank },
    (_, other): AxisLink => ({
      places: [at('output', other), ...inputs.map((_, of) => at(of, other))],
    }),
  ).filter((_, other) => other !== axis);
  return [...along, ...across];
}

/** Operands broadcast to the result as numpy does: axes of equal extent are the same. */
export function elementwise(
  inputs: readonly TensorType[],
  output: TensorType,
): readonly AxisLink[] {
  const rank = output.shape.length;
  return output.shape.map((extent, axis): AxisLink => {
    const places = inputs.flatMap(({ shape }, of) => {
      const own = axis - (rank - shape.length);
      return own >= 0 && shape[own] === extent ? [at(of, own)] : [];
    });
    return { places: [at('output', axis), ...places] };
  });
}

/**
 * A row-major reshape of operand 0: axes that it keeps are the same, and where one axis becomes
 * several (or several one) the outermost that can change is tied, as attention heads are, or
 * channels before a flatten.
 */
export function reshaped(from: Shape, to: Shape): readonly AxisLink[] {
  const links: AxisLink[] = [];
  let i = 0;
  let o = 0;
  while (i < from.length || o < to.length) {
    // The shortest runs of axes on both sides with the same number of elements.
    const [firstIn, firstOut] = [i, o];
    let inputs = from[i++] ?? 1;
    let outputs = to[o++] ?? 1;
    while (inputs !== outputs) {
      if (inputs < outputs && i < from.length) inputs *= from[i++]!;
      else if (o < to.length) outputs *= to[o++]!;
      else return barrier; // only shapes with a zero extent
    }
    const split = run(0, from, firstIn, i);
    const joined = run('output', to, firstOut, o);
    const link =
      split.length === 1 && joined.length === 1
        ? { places: [split[0]!.whole, joined[0]!.whole] }
        : split.length === 1
          ? firstOf(joined.map((part) => [part.whole, { ...part.within, ...split[0]!.place }]))
          : joined.length === 1
            ? firstOf(split.map((part) => [part.whole, { ...part.within, ...joined[0]!.place }]))
            : undefined;
    if (link) links.push(link);
  }
  return links;
}

interface Part {
  readonly place: { readonly of: number | 'output'; readonly axis: number };
  readonly whole: AxisPlace;
  /** How the other side sees this axis inside the product of the run. */
  readonly within: { readonly outer: number; readonly inner: number };
}

/** The axes of `shape` from `first` to `end`, those of extent 1 left out. */
function run(of: number | 'output', shape: Shape, first: number, end: number): Part[] {
  const product = (from: number, to: number) => shape.slice(from, to).reduce((n, d) => n * d, 1);
  const parts: Part[] = [];
  for (let axis = first; axis < Math.min(end, shape.length); axis++) {
    if (shape[axis] === 1) continue;
    const within = { outer: product(first, axis), inner: product(axis + 1, end) };
    parts.push({ place: { of, axis }, whole: at(of, axis), within });
  }
  return parts;
}

const firstOf = (choices: readonly (readonly AxisPlace[])[]): AxisLink | undefined =>
  choices.reduceRight<AxisLink | undefined>(
    (otherwise, places) => (otherwise ? { places, otherwise } : { places }),
    undefined,
  );
