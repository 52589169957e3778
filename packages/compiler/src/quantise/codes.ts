// Affine codes: which numbers the codes 0 … 127 of a tensor stand for.

import { assert, type Graph, type Node } from '@espalier/ir';
import { channelsOf, shareCodes } from './channels.ts';

/** The least and the greatest value that were seen. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What is known of the values of a channel. */
export interface Statistics extends Range {
  readonly mean: number;
}

/** Code `q` of a channel stands for `scale · (q − zero)`. */
export interface Code {
  /** One for each channel, or one for all. */
  readonly scales: readonly number[];
  /** The code of 0, which is exact and the same for all channels: padding and `relu` need it. */
  readonly zero: number;
}

/** The greatest code: the relaxed dot product takes 7 bits on every engine. */
export const greatestCode = 127;

/** Scales below this are not normal floats any more once they are multiplied. */
const leastScale = 1e-30;

const unionOf = (a: Range | undefined, b: Range): Range => ({
  min: Math.min(a?.min ?? 0, b.min),
  max: Math.max(a?.max ?? 0, b.max),
});

/** The code of 0 where codes spread over a range. */
function zeroOf({ min, max }: Range): number {
  const zero = Math.round((greatestCode * -min) / (max - min));
  return Number.isFinite(zero) ? zero : 0;
}

/** The least scale at which codes reach both ends of a range. */
const scaleFor = ({ min, max }: Range, zero: number): number =>
  Math.max(zero < greatestCode ? max / (greatestCode - zero) : 0, zero > 0 ? -min / zero : 0);

/** The codes of values, from the range of each of their channels. */
export function chooseCodes(
  graph: Graph,
  coded: readonly Node[],
  ranges: ReadonlyMap<Node, readonly Range[]>,
): Map<Node, Code> {
  const { scaleOf, zeroOf: classOf } = shareCodes(graph, coded);
  const whole = new Map<number, Range>();
  const parts = new Map<number, Range>();
  for (const node of coded) {
    const own = ranges.get(node);
    assert(own?.length === channelsOf(node), `${node.name} has a range for each channel`);
    own.forEach((range, channel) => {
      const unit = scaleOf(node, channel);
      parts.set(unit, unionOf(parts.get(unit), range));
      whole.set(classOf(node), unionOf(whole.get(classOf(node)), range));
    });
  }
  return new Map(
    coded.map((node) => {
      const range = whole.get(classOf(node))!;
      const zero = zeroOf(range);
      // A channel of nothing but zeros takes the scale of the whole.
      const common = scaleFor(range, zero);
      const scales = Array.from({ length: channelsOf(node) }, (_, channel) => {
        const scale = scaleFor(parts.get(scaleOf(node, channel))!, zero) || common;
        return scale > leastScale && Number.isFinite(scale) ? scale : 1;
      });
      return [node, { scales: new Set(scales).size === 1 ? scales.slice(0, 1) : scales, zero }];
    }),
  );
}
