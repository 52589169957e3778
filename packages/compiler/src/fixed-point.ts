// The network in 16-bit fixed point: a permission for each layer, which kernels take where it is faster.

import { type AttrsOf, type Graph, type OpName, type OpNode, rebuild } from '@espalier/ir';

/** The ops that have kernels of integers. */
const layers: readonly OpName[] = ['conv', 'linear'];

/**
 * The graph whose convolutions and linear layers of constant weights may round inputs and weights to 16 bits. Nothing is
 * calibrated: scales follow from the values at hand.
 */
export const inFixedPoint = (graph: Graph): Graph =>
  rebuild(graph, (node, inputs, b) =>
    node.kind === 'op' && layers.includes(node.op) && node.inputs[1]?.kind === 'constant'
      ? b.withInputs(node, inputs, { ...node.attrs, precision: 'int16' })
      : undefined,
  );

/** Whether a layer may be computed so. */
export const isInFixedPoint = ({ attrs }: OpNode): boolean =>
  (attrs as Partial<AttrsOf<'linear'>>).precision === 'int16'; // other ops have none
