// Padding: what `SAME` means, and ops of their own for what a format cannot say.

import type { PeerGraph, PeerOp, PeerTensor, Window } from './peer-graph.ts';

/** Whether pads are those that `SAME` means for this window. */
function isSame(
  { stride, dilation, pads }: Window,
  kernel: readonly number[],
  extents: readonly number[],
): boolean {
  return [0, 1].every((axis) => {
    const out = Math.ceil(extents[axis]! / stride[axis]!);
    const reach = (kernel[axis]! - 1) * dilation[axis]! + 1;
    const total = Math.max(0, (out - 1) * stride[axis]! + reach - extents[axis]!);
    const before = Math.floor(total / 2);
    return pads[axis] === before && pads[axis + 2] === total - before;
  });
}

const windowOf = ({ attrs, inputs }: PeerOp) =>
  attrs.kind === 'conv' || attrs.kind === 'depthwise'
    ? { window: attrs, kernel: inputs[1]!.shape.slice(1, 3) }
    : attrs.kind === 'maxPool' || attrs.kind === 'avgPool'
      ? { window: attrs, kernel: attrs.kernel }
      : undefined;

/** Whether an op slides a window over `SAME` padding. */
export function isSamePadded(op: PeerOp): boolean {
  const windowed = windowOf(op);
  return !!windowed && isSame(windowed.window, windowed.kernel, op.inputs[0]!.shape.slice(1, 3));
}

/**
 * Ops whose padding is neither `SAME` nor none get an op before them that pads.
 *
 * @param explicit Whether the format can say the pads of this op.
 */
export function padBefore(graph: PeerGraph, explicit: (op: PeerOp) => boolean): PeerGraph {
  // Beside what a rectifier left, zeros are no greater than any element, and every engine has that op.
  const rectified = new Set(
    graph.ops.flatMap(({ activation, output }) =>
      activation?.kind === 'relu' || activation?.kind === 'relu6' ? [output] : [],
    ),
  );
  const ops = graph.ops.flatMap((op): PeerOp[] => {
    const windowed = windowOf(op);
    const none = windowed?.window.pads.every((n) => n === 0);
    if (!windowed || none || isSamePadded(op) || explicit(op)) return [op];
    if (op.attrs.kind === 'avgPool')
      throw new Error('no conversion of an average over odd margins');
    const [top, left, bottom, right] = windowed.window.pads;
    const [x, ...others] = op.inputs;
    const [n, h, w, c] = x!.shape as [number, number, number, number];
    const margins: PeerTensor = { shape: [n, h + top + bottom, w + left + right, c] };
    const value = op.attrs.kind === 'maxPool' && !rectified.has(x!) ? -3.4e38 : 0;
    const before = [0, top, left, 0];
    const after = [0, bottom, right, 0];
    // The same op with other pads.
    const attrs = { ...op.attrs, pads: [0, 0, 0, 0] } as PeerOp['attrs'];
    return [
      { attrs: { kind: 'pad', before, after, value }, inputs: [x!], output: margins },
      { ...op, attrs, inputs: [margins, ...others] },
    ];
  });
  return { ...graph, ops };
}
