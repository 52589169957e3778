// Recurrent layers, by way of ONNX's.

import type { Node } from '@espalier/ir';
import { borrow } from '../../tensorflow/borrow.ts';
import type { Operators, Site } from '../operator.ts';

/** Places of operands: for each gate the input's weights, the state's, the cell's own, and a bias. */
const gates = {
  i: { input: 1, state: 5, cell: 9, bias: 12 },
  o: { input: 4, state: 8, cell: 11, bias: 15 },
  f: { input: 2, state: 6, cell: 10, bias: 13 },
  c: { input: 3, state: 7, cell: undefined, bias: 14 },
} as const;

/** ONNX's order of gates, and of those that see the cell. */
const order = [gates.i, gates.o, gates.f, gates.c] as const;
const seeing = [gates.i, gates.o, gates.f] as const;

const tanh = 4;

/** A layer of LSTM cells over a sequence `[T, N, C]`, or `[N, T, C]`. */
function lstm(site: Site): Node {
  const { b, attributes } = site;
  if (site.value(0)?.quantization) throw site.unsupported('an LSTM of codes');
  if (site.optional(gates.i.input) === undefined)
    throw site.unsupported('an LSTM without an input gate');
  if (site.optional(16) !== undefined) throw site.unsupported('a projection');
  if ([20, 21, 22, 23].some((i) => site.optional(i))) throw site.unsupported('normalised gates');
  if (attributes.int('cell_activation', 0) !== tanh)
    throw site.unsupported(`the activation ${attributes.int('cell_activation', 0)}`);
  const clip = attributes.float('cell_clip', 0);
  if (clip !== 0) throw site.unsupported(`cells cut at ${clip}`);

  const given = site.input(0);
  const first = attributes.flag('time_major', false);
  const swap = (x: Node) => (first ? x : b.transpose(x, { perm: [1, 0, 2] }));
  const x = swap(given);
  const [steps, batch] = x.type.shape;
  const [hidden, inputs] = site.input(gates.i.input).type.shape;
  if (steps === undefined || batch === undefined || hidden === undefined || inputs === undefined)
    throw site.bad('a sequence and matrices of weights');
  const stack = (parts: readonly Node[], shape: readonly number[]) =>
    b.reshape(b.concat(parts, { axis: 0 }), { shape });
  const w = stack(
    order.map((gate) => site.input(gate.input)),
    [1, 4 * hidden, inputs],
  );
  const r = stack(
    order.map((gate) => site.input(gate.state)),
    [1, 4 * hidden, hidden],
  );
  const biases = order.map((gate) => site.input(gate.bias));
  const none = b.expand(b.value(0), { shape: [4 * hidden] });
  const bias = stack([...biases, none], [1, 8 * hidden]);
  const state = (i: number) => b.reshape(site.input(i), { shape: [1, batch, hidden] });
  const peepholes = seeing.flatMap((gate) => site.optional(gate.cell) ?? []);
  if (peepholes.length !== 0 && peepholes.length !== 3) throw site.bad('some gates see the cell');
  const p = peepholes.length === 3 ? stack(peepholes, [1, 3 * hidden]) : undefined;
  const operands = [x, w, r, bias, undefined, state(18), state(19), p];
  const y = borrow(site, 'LSTM', operands, { hidden_size: hidden });
  return swap(b.reshape(y, { shape: [steps, batch, hidden] }));
}

const activations: Readonly<Record<number, string>> = { 1: 'Relu', 4: 'Tanh' };

/** A layer of cells without gates over a sequence `[T, N, C]`, or `[N, T, C]`. */
function rnn(site: Site): Node {
  const { b, attributes } = site;
  if (site.value(0)?.quantization || site.value(1)?.quantization)
    throw site.unsupported('an RNN of codes');
  const kind = attributes.int('cell_activation', 0);
  const activation = activations[kind];
  if (activation === undefined) throw site.unsupported(`the activation ${kind}`);
  const swap = (x: Node) =>
    attributes.flag('time_major', false) ? x : b.transpose(x, { perm: [1, 0, 2] });
  if (site.input(0).type.shape.length !== 3) throw site.bad('operand 0 is no sequence');
  const x = swap(site.input(0));
  const [steps = 0, batch = 0] = x.type.shape;
  const [hidden = 0, inputs = 0] = site.input(1).type.shape;
  const none = b.expand(b.value(0), { shape: [hidden] });
  const operands = [
    x,
    b.reshape(site.input(1), { shape: [1, hidden, inputs] }),
    b.reshape(site.input(2), { shape: [1, hidden, hidden] }),
    b.reshape(b.concat([site.input(3), none], { axis: 0 }), { shape: [1, 2 * hidden] }),
    undefined,
    b.reshape(site.input(4), { shape: [1, batch, hidden] }),
  ];
  const given = { hidden_size: hidden, activations: [activation] };
  const y = borrow(site, 'RNN', operands, given);
  return swap(b.reshape(y, { shape: [steps, batch, hidden] }));
}

/** Recurrent layers, by name. */
export const recurrent: Operators = {
  UNIDIRECTIONAL_SEQUENCE_RNN: {
    options: { table: 31, fields: { time_major: [0, 'int8'], cell_activation: [1, 'int8'] } },
    import: rnn,
    note: 'of floats; states are zeros at the start of every run',
  },
  UNIDIRECTIONAL_SEQUENCE_LSTM: {
    options: {
      table: 71,
      fields: {
        cell_activation: [0, 'int8'],
        cell_clip: [1, 'float32'],
        time_major: [3, 'int8'],
      },
    },
    import: lstm,
    note: 'of floats; states are zeros at the start of every run',
  },
};
