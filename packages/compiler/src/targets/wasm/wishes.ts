// What kernels wish of their operands' memory, and whether a view complies.

import { type Node, type OpNode, splitInputs } from '@espalier/ir';
import { orderOf } from '../../plan/strides.ts';
import { type Halo, isDense, noHalo, type Order, rowMajor, type View } from '../../plan/view.ts';
import type { Kernel, Wish } from './kernel.ts';

/** The largest halo that any reader of a value wishes for. */
export function wishedHalos(chosen: ReadonlyMap<OpNode, Kernel>): Map<Node, Halo> {
  const halos = new Map<Node, Halo>();
  for (const [node, kernel] of chosen) {
    const { own } = splitInputs(node);
    for (const index of kernel.reads?.(node) ?? own.map((_, i) => i)) {
      const halo = kernel.wish?.(node, index).halo;
      if (!halo?.some((rows) => rows > 0)) continue;
      const before = halos.get(own[index]!) ?? noHalo;
      const larger = halo.map((rows, side) => Math.max(rows, before[side]!));
      halos.set(own[index]!, larger as unknown as Halo); // as many sides as before
    }
  }
  return halos;
}

/** Whether a view is as a kernel wishes. */
export function fulfils(view: View, { dense, unitAxis, halo }: Wish): boolean {
  if (dense && !isDense(view, dense)) return false;
  if (unitAxis !== undefined) {
    // A kernel that reads the halo walks along a single column too.
    const [top, left, bottom, right] = halo ?? noHalo;
    const around = unitAxis === 3 ? left + right : unitAxis === 2 ? top + bottom : 0;
    if (view.shape[unitAxis]! + around > 1 && view.strides[unitAxis] !== 1) return false;
  }
  return !halo || halo.every((rows, side) => rows <= view.halo[side]!);
}

/** The order of a copy that fulfils a wish, as near to the view's own as can be. */
export function wishedOrder(view: View, { dense, unitAxis }: Wish): Order {
  if (dense) return dense;
  const order = orderOf(view);
  if (unitAxis === undefined || order.at(-1) === unitAxis) return order;
  return [...rowMajor(view.shape.length).filter((axis) => axis !== unitAxis), unitAxis];
}
