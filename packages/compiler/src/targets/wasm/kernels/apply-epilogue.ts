// An epilogue for kernels that have no place for one: a pass over their result.

import { inferOp, splitInputs } from '@espalier/ir';
import type { Kernel } from '../kernel.ts';
import { emitMap } from './map.ts';

/** The kernel, followed by the epilogue in place where the node has one. */
export const applyEpilogue = (kernel: Kernel): Kernel => ({
  ...kernel,

  lower(site) {
    const { node, epilogue, extras, output, emit } = site;
    if (!epilogue) return kernel.lower(site);
    const types = splitInputs(node).own.map(({ type }) => type);
    const { dtype } = inferOp(node.op, types, node.attrs);
    // Words take both types: the op's own, then the epilogue's.
    const result = { ...output, dtype };
    kernel.lower({ ...site, output: result });
    emitMap(emit, epilogue, [result, ...extras], output, `epilogue ${node.name}`);
  },
});
