// Which channels go before anything else is decided: those whose harm is small for the time that they take.

import { cannotNarrow } from '../errors.ts';
import { type Pins, widthOf } from '../pins.ts';
import type { WidthGroup } from './groups.ts';
import type { Widths } from './narrowed.ts';

/** Kernels work on so many channels at once: fewer that go bring nothing. */
const lanes = 4;

/** A part of a group's channels that stays, unless less is asked for by hand. */
const leastShare = 1 / 8;

/** A group is worth a look if half of it takes such a part of the whole time. */
const worthwhile = 0.004;

/**
 * The groups whose channels may go.
 *
 * @param narrows Whether any may that nobody asked to go by hand.
 */
export const offered = (
  groups: readonly WidthGroup[],
  denseMs: number,
  pins: Pins,
  narrows: boolean,
): readonly WidthGroup[] =>
  groups.filter((group) => {
    if (group.refused !== undefined) return false;
    const pinned = widthOf(pins, group.makers);
    if (pinned !== undefined) return pinned < 1;
    return narrows && (group.unitMs * group.units) / 2 >= worthwhile * denseMs;
  });

/** @throws {EspalierError} CANNOT_NARROW, for a layer that is asked by its name to be narrower and cannot */
export function checkWidths(groups: readonly WidthGroup[], { layers = {} }: Pins): void {
  for (const [name, { width }] of Object.entries(layers)) {
    if (width === undefined || width === 1) continue;
    const own = groups.filter(({ makers }) => makers.includes(name));
    if (own.length === 0)
      throw cannotNarrow(name, 'its channels belong to nothing that can be narrowed');
    const refused = own.find((group) => group.refused !== undefined);
    if (refused) throw cannotNarrow(name, refused.refused!);
  }
}

/**
 * Picks the channels that go.
 *
 * @param harms By layer: what each of its input channels would do to the outputs; absent for layers that read no
 *   offered group.
 * @param rate Harm that is worth a ms.
 */
export function pickWidths(
  groups: readonly WidthGroup[],
  harms: readonly (Float64Array | undefined)[],
  rate: number,
  pins: Pins,
): Widths {
  const picked = groups.flatMap((group): [string, readonly number[]][] => {
    const totals = totalsOf(group, harms);
    const order = [...totals.keys()].sort((a, b) => totals[a]! - totals[b]! || a - b);
    const pinned = widthOf(pins, group.makers);
    const count =
      pinned === undefined
        ? worthCount(group, order, totals, rate)
        : group.units - Math.max(1, Math.round(pinned * group.units));
    return count > 0 ? [[group.name, order.slice(0, count).sort((a, b) => a - b)]] : [];
  });
  return new Map(picked);
}

/** What each unit would do to the outputs, through all layers that read it. */
function totalsOf(
  { units, readers }: WidthGroup,
  harms: readonly (Float64Array | undefined)[],
): Float64Array {
  const totals = new Float64Array(units);
  for (const { layer, units: unitOf } of readers)
    for (const [channel, harm] of harms[layer]!.entries())
      if (unitOf[channel]! >= 0) totals[unitOf[channel]!]! += harm;
  return totals;
}

/** How many units are worth the time that they take; what is left fills all lanes. */
function worthCount(
  { units, unitMs }: WidthGroup,
  order: readonly number[],
  totals: Float64Array,
  rate: number,
): number {
  const most = units - Math.max(lanes, Math.ceil(leastShare * units));
  let count = 0;
  for (let next = units % lanes || lanes; next <= most; next += lanes) {
    const chunk = order.slice(count, next).reduce((sum, unit) => sum + totals[unit]!, 0);
    if (chunk > rate * unitMs * (next - count)) break;
    count = next;
  }
  return count;
}
