// Recurrent layers, by ONNX's importers: only the order of the gates and of the axes differs.

import { elementCount, type Node } from '@espalier/ir';
import { borrowAll } from '../../tensorflow/borrow.ts';
import { reshaped, sliceAxis, transposed } from '../../tensorflow/room.ts';
import { type CustomLayer, type CustomLayers, flagOf, type LayerSite, wordOf } from './layer.ts';

const activations = new Map([
  ['tanh', 'Tanh'],
  ['sigmoid', 'Sigmoid'],
  ['hard_sigmoid', 'HardSigmoid'],
  ['hardSigmoid', 'HardSigmoid'],
  ['relu', 'Relu'],
]);

function functionOf(site: LayerSite, field: string, fallback: string): string {
  const word = wordOf(site, field, fallback);
  const found = activations.get(word);
  if (!found) throw site.unsupported(`${field} ${word} of a recurrent layer`);
  return found;
}

/** Weights `[…, gates · units]` in another order of the gates, as rows: `[1, gates · units, …]`. */
function gates(site: LayerSite, w: Node, order: readonly number[]): Node {
  const axis = w.type.shape.length - 1;
  const units = w.type.shape[axis]! / order.length;
  const parts = order.map((gate) => sliceAxis(site, w, axis, gate * units, units));
  const joined = site.b.concat(parts, { axis });
  const rows = axis === 0 ? joined : transposed(site, joined, [1, 0]);
  return reshaped(site, rows, [1, ...rows.type.shape]);
}

interface Kind {
  readonly op: 'LSTM' | 'GRU' | 'RNN';
  readonly order: readonly number[];
  readonly names: (site: LayerSite) => string[];
}

const recurrent =
  ({ op, order, names }: Kind): CustomLayer =>
  (site) => {
    const { b } = site;
    const x = site.input(0);
    if (x.type.shape.length !== 3) throw site.bad(`a sequence of rank ${x.type.shape.length}`);
    if (site.inputs.length > 1) throw site.unsupported('an initial state as an operand');
    const back = flagOf(site, 'go_backwards', false);
    const recurrence = gates(site, site.weight('recurrent_kernel'), order);
    const hidden = recurrence.type.shape[2]!;
    const after = op === 'GRU' && flagOf(site, 'reset_after', false);
    const results = borrowAll(
      site,
      op,
      [
        b.transpose(x, { perm: [1, 0, 2] }),
        gates(site, site.weight('kernel'), order),
        recurrence,
        biasOf(site, order, after),
      ],
      {
        hidden_size: hidden,
        direction: back ? 'reverse' : 'forward',
        activations: names(site),
        linear_before_reset: after ? 1 : 0,
      },
      2,
    );
    const [n] = x.type.shape;
    if (!flagOf(site, 'return_sequences', false))
      return b.reshape(results[1]!, { shape: [n!, hidden] });
    const [steps] = results[0]!.type.shape;
    const all = b.transpose(b.reshape(results[0]!, { shape: [steps!, n!, hidden] }), {
      perm: [1, 0, 2],
    });
    if (!back) return all;
    // Keras gives the steps in the order in which they were taken.
    return b.slice(all, {
      starts: [0, Math.max(0, steps! - 1), 0],
      sizes: all.type.shape,
      steps: [1, -1, 1],
    });
  };

/** ONNX has a bias of the input and one of the state: `[1, 2 · gates · units]`. */
function biasOf(site: LayerSite, order: readonly number[], after: boolean): Node | undefined {
  if (!flagOf(site, 'use_bias', true)) return undefined;
  const { b } = site;
  const bias = site.weight('bias');
  const count = elementCount(bias.type.shape);
  const row = (node: Node) =>
    gates(site, reshaped(site, node, [elementCount(node.type.shape)]), order);
  if (after && bias.type.shape.length === 2)
    return b.concat([row(sliceAxis(site, bias, 0, 0, 1)), row(sliceAxis(site, bias, 0, 1, 1))], {
      axis: 1,
    });
  const none = b.expand(b.value(0), { shape: [1, count] });
  return b.concat([row(bias), none], { axis: 1 });
}

/** Recurrent layers, by class. */
export const recurrents: CustomLayers = {
  GRU: recurrent({
    op: 'GRU',
    order: [0, 1, 2],
    names: (site) => [
      functionOf(site, 'recurrent_activation', 'hard_sigmoid'),
      functionOf(site, 'activation', 'tanh'),
    ],
  }),
  LSTM: recurrent({
    op: 'LSTM',
    order: [0, 3, 1, 2], // Keras: input, forget, cell, output; ONNX: input, output, forget, cell
    names: (site) => [
      functionOf(site, 'recurrent_activation', 'hard_sigmoid'),
      functionOf(site, 'activation', 'tanh'),
      functionOf(site, 'activation', 'tanh'),
    ],
  }),
  SimpleRNN: recurrent({
    op: 'RNN',
    order: [0],
    names: (site) => [functionOf(site, 'activation', 'tanh')],
  }),
};
