// Which values are written directly into their part of a concatenation, so that it need not copy them.

import { type AttrsOf, elementCount, type Node, type OpNode, splitInputs } from '@espalier/ir';
import { elementBytes, type Order } from '../../plan/view.ts';
import type { Kernel } from './kernel.ts';
import { type Margin, type Margins, noMargin } from './wishes.ts';

/** A part of a concatenation. */
export interface Placement {
  readonly concat: OpNode;
  /** The order in which the whole is stored. */
  readonly order: Order;
  /** Where the part starts, one number an axis. */
  readonly starts: readonly number[];
}

/** What decides about placements. */
export interface PlacementContext {
  /** The kernel of every op that has one. */
  readonly chosen: ReadonlyMap<OpNode, Kernel>;
  readonly marginIn: Margins;
  /** Values that have a place of their own. */
  readonly outputs: ReadonlySet<Node>;
}

/**
 * The values that are placed, each in the first concatenation that takes it: their kernels write through
 * strides in the order of the whole, and its halo is enough for their readers. A larger halo would cost the
 * readers of the whole more than a copy.
 */
export function findPlacements(context: PlacementContext): Map<OpNode, Placement> {
  const { chosen, marginIn, outputs } = context;
  const placements = new Map<OpNode, Placement>();
  for (const concat of chosen.keys()) {
    if (concat.op !== 'concat' || elementCount(concat.type.shape) === 0) continue;
    // An epilogue would overwrite what other readers of the parts need.
    if (concat.epilogue) continue;
    const isCodes = elementBytes(concat.type.dtype) !== 4;
    const order = ownOrder(concat, chosen);
    if (!order) continue;
    const { axis } = concat.attrs as AttrsOf<'concat'>; // its op says so
    const room = axis < 2 ? marginIn(concat, order) : noMargin;
    let start = 0;
    for (const part of splitInputs(concat).own) {
      const starts = part.type.shape.map((_, a) => (a === axis ? start : 0));
      start += part.type.shape[axis]!;
      if (part.kind !== 'op' || placements.has(part) || outputs.has(part)) continue;
      const kernel = chosen.get(part);
      if (!kernel || kernel.writesDense || elementCount(part.type.shape) === 0) continue;
      // Most kernels store codes in whole vectors; maps store one by one.
      if (isCodes && part.op !== 'map') continue;
      const own = ownOrder(part, chosen);
      if (own && String(own) !== String(order)) continue;
      if (!contains(room, marginIn(part, order))) continue;
      placements.set(part, { concat, order, starts });
    }
  }
  return placements;
}

/** Whether a margin is also one that is wished for. */
const contains = (margin: Margin, wished: Margin): boolean =>
  wished.halo.every((rows, side) => rows <= margin.halo[side]!) &&
  (margin.fill === wished.fill || wished.halo.every((rows) => rows === 0));

/** The order in which a result is written, if its kernel says so; that of a concatenation is its first part's. */
function ownOrder(node: Node, chosen: ReadonlyMap<OpNode, Kernel>): Order | undefined {
  const kernel = node.kind === 'op' ? chosen.get(node) : undefined;
  if (node.kind !== 'op' || !kernel) return undefined;
  if (node.op !== 'concat') return kernel.order?.(node);
  for (const part of splitInputs(node).own) {
    const order = ownOrder(part, chosen);
    if (order) return order;
  }
  return undefined;
}
