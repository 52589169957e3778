// What kernels wish of their operands' memory, and whether a view complies.

import { type Node, type OpNode, splitInputs } from '@espalier/ir';
import { orderOf } from '../../plan/strides.ts';
import { type Halo, isDense, noHalo, type Order, rowMajor, type View } from '../../plan/view.ts';
import type { Kernel, Wish } from './kernel.ts';

/** A halo, and the code that it holds in a view of codes. */
export interface Margin {
  readonly halo: Halo;
  readonly fill: number;
}

/** Nothing around. */
export const noMargin: Margin = { halo: noHalo, fill: 0 };

/** The margin that a wish asks for. */
export const marginOf = ({ halo = noHalo, fill = 0 }: Wish): Margin => ({ halo, fill });

/** The margin that a value gets if it is stored in an order. */
export type Margins = (value: Node, order: Order) => Margin;

/**
 * The largest halo that any reader of a value wishes for, filled as the first of them wishes. A reader that
 * takes a copy in another order has a margin around the copy.
 */
export function wishedMargins(chosen: ReadonlyMap<OpNode, Kernel>): Margins {
  const wishes = new Map<Node, Wish[]>();
  for (const [node, kernel] of chosen) {
    const { own } = splitInputs(node);
    for (const index of kernel.reads?.(node) ?? own.map((_, i) => i)) {
      const wish = kernel.wish?.(node, index) ?? {};
      if (!wish.halo?.some((rows) => rows > 0)) continue;
      wishes.set(own[index]!, [...(wishes.get(own[index]!) ?? []), wish]);
    }
  }
  return (value, order) => {
    let margin: Margin | undefined;
    for (const wish of wishes.get(value) ?? []) {
      const { halo, fill } = marginOf(wish);
      if (wish.unitAxis !== undefined && wish.unitAxis !== order.at(-1)) continue;
      if (margin && margin.fill !== fill) continue;
      const larger = halo.map((rows, side) => Math.max(rows, margin?.halo[side] ?? 0));
      margin = { halo: larger as unknown as Halo, fill }; // as many sides as before
    }
    return margin ?? noMargin;
  };
}

/** Whether a view is as a kernel wishes. */
export function fulfils(view: View, { dense, unitAxis, halo, fill = 0 }: Wish): boolean {
  if (dense && !isDense(view, dense)) return false;
  if (unitAxis !== undefined) {
    // A kernel that reads the halo walks along a single column too.
    const [top, left, bottom, right] = halo ?? noHalo;
    const around = unitAxis === 3 ? left + right : unitAxis === 2 ? top + bottom : 0;
    if (view.shape[unitAxis]! + around > 1 && view.strides[unitAxis] !== 1) return false;
  }
  if (!halo?.some((rows) => rows > 0)) return true;
  return halo.every((rows, side) => rows <= view.halo[side]!) && (view.fill ?? 0) === fill;
}

/** The order of a copy that fulfils a wish, as near to the view's own as can be. */
export function wishedOrder(view: View, { dense, unitAxis }: Wish): Order {
  if (dense) return dense;
  const order = orderOf(view);
  if (unitAxis === undefined || order.at(-1) === unitAxis) return order;
  return [...rowMajor(view.shape.length).filter((axis) => axis !== unitAxis), unitAxis];
}
