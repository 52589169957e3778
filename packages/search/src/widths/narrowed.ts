// A network without some of its channels, and what has become of its layers.

import { type Graph, separateConstants } from '@espalier/ir';
import { type Mask, narrowAll } from '@espalier/sparsity';
import { cannotNarrow } from '../errors.ts';
import { type Layer, layerFrom, prunableLayers } from '../layers.ts';
import { maskOfChannels } from '../masks.ts';
import { namedGroups } from './groups.ts';

/** Units that go, in ascending order, by the name of their group. */
export type Widths = ReadonlyMap<string, readonly number[]>;

/** What is left of a layer's weights. */
export interface Kept {
  readonly outputs: readonly number[];
  readonly channels: readonly number[];
}

/** A narrower network. */
export interface NarrowedNetwork {
  readonly graph: Graph;
  /** As many layers as before, by the same names. */
  readonly layers: readonly Layer[];
  /** By layer. */
  readonly kept: readonly Kept[];
}

/**
 * Takes channels out of a network.
 *
 * @throws {EspalierError} CANNOT_NARROW, for channels that it does not have
 */
export function narrowed(dense: Graph, widths: Widths): NarrowedNetwork {
  const separated = separateConstants(dense);
  const before = prunableLayers(separated);
  const groups = new Map(namedGroups(separated).map(({ name, group }) => [name, group]));
  const dropped = [...widths].map(([name, units]) => {
    const group = groups.get(name);
    if (!group || units.some((unit) => unit >= group.units))
      throw cannotNarrow(name, 'the network has no such channels');
    return [group, new Set(units)] as const;
  });
  const { graph, became, kept } = narrowAll(separated, new Map(dropped));
  return {
    graph,
    layers: before.map(({ name, node }) => layerFrom(became.get(node)!, name)),
    kept: before.map(({ node }) => ({
      outputs: kept(node.inputs[1]!, 0),
      channels: kept(node.inputs[1]!, 1),
    })),
  };
}

/** Whether a layer has lost anything. */
export const isNarrower = ({ outputs, channels }: Kept, { shape }: Layer): boolean =>
  outputs.length < shape.filters || channels.length < shape.channels;

/**
 * The mask of a layer's own weights for one of its narrower weights: input channels that go have zeros, outputs that go are
 * fitted like all others.
 */
export function widened(mask: Mask, { shape }: Layer, { outputs, channels }: Kept): Mask {
  const { channels: all, positions } = shape;
  const wide = maskOfChannels(shape, channels);
  for (const [row, o] of outputs.entries())
    for (const [column, channel] of channels.entries())
      wide.set(
        mask.subarray(
          (row * channels.length + column) * positions,
          (row * channels.length + column + 1) * positions,
        ),
        (o * all + channel) * positions,
      );
  return wide;
}
