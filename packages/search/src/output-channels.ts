// The channels of an output: classes, coordinates, body parts. Each is measured by its own size.

import { type AttrsOf, elementCount, type Node } from '@espalier/ir';
import type { Outputs } from './agreement.ts';

/** How an output's channels lie: `[outer, count, inner]`. */
export interface OutputChannels {
  readonly count: number;
  readonly inner: number;
}

/** A channel that is next to nothing counts as if it had this part of the mean energy of all. */
const leastEnergy = 0.01;

/** The channels of an output: along the axis of a softmax, or axis 1 of maps, or the last. */
export function channelsOf(node: Node): OutputChannels {
  const { shape } = node.type;
  const axis =
    node.kind === 'op' && node.op === 'softmax'
      ? (node.attrs as AttrsOf<'softmax'>).axis // its op says so
      : shape.length === 4
        ? 1
        : shape.length - 1;
  return { count: shape[axis] ?? 1, inner: elementCount(shape.slice(axis + 1)) };
}

/** The channel of an element. */
export const channelAt = ({ count, inner }: OutputChannels, element: number): number =>
  Math.floor(element / inner) % count;

/** The energy of each channel over all references, no less than a part of the mean. */
export function energiesOf(
  reference: readonly Outputs[],
  name: string,
  channels: OutputChannels,
): Float64Array {
  const { count } = channels;
  const energies = new Float64Array(count);
  for (const outputs of reference)
    for (const [i, value] of outputs[name]!.data.entries())
      energies[channelAt(channels, i)]! += value ** 2;
  const mean = energies.reduce((sum, energy) => sum + energy, 0) / count;
  return energies.map((energy) => Math.max(energy, leastEnergy * mean));
}
