// Recurrent layers, one step after the other: the operand's part of all steps is a single product.

import type { Node } from '@espalier/ir';
import type { Importer, Importers, Site } from '../importer.ts';
import { activationsOf } from './recurrent-activations.ts';
import { type Activation, type Cell, gru, lstm, rnn, type State } from './recurrent-cells.ts';
import { sliceAxis } from './select.ts';

/** Each step is nodes of its own. */
const mostSteps = 4096;

/** The extents of a layer. */
interface Extents {
  readonly steps: number;
  readonly batch: number;
  readonly inputs: number;
  readonly hidden: number;
}

const layer = (cell: Cell): Importer => ({
  note: `at most ${mostSteps} steps, each written out`,
  import(site) {
    const { b, attributes } = site;
    const batchFirst = attributes.int('layout', 0) !== 0;
    const swap = (x: Node, ...perm: number[]) => (batchFirst ? b.transpose(x, { perm }) : x);
    const x = swap(site.input(0), 1, 0, 2);
    const [w, r] = [site.input(1), site.input(2)];
    const [steps, batch, inputs] = x.type.shape;
    const [directions, , hidden] = r.type.shape;
    if (steps === undefined || batch === undefined || inputs === undefined || hidden === undefined)
      throw site.bad(`x of rank ${x.type.shape.length}, R of rank ${r.type.shape.length}`);
    const wanted = [directions, cell.gates * hidden, inputs].join();
    if (w.type.shape.join() !== wanted || r.type.shape[1] !== cell.gates * hidden)
      throw site.bad(`W [${w.type.shape}] and R [${r.type.shape}] over inputs of ${inputs}`);
    if (steps > mostSteps) throw site.unsupported(`${steps} steps, more than ${mostSteps}`);
    const direction = attributes.string('direction', 'forward');
    const ways = { forward: [false], reverse: [true], bidirectional: [false, true] }[direction];
    if (ways === undefined || ways.length !== directions)
      throw site.bad(`direction ${direction} with ${directions} sets of weights`);
    const extents = { steps, batch, inputs, hidden };
    const functions = activationsOf(
      site,
      ways.flatMap(() => cell.activations),
      // The state of a memory cell may grow.
      (i) => cell !== lstm || i % 3 !== 2,
    );
    const each = cell.activations.length;
    const runs = ways.map((back, way) => {
      const own = functions.slice(way * each, (way + 1) * each);
      return walk(site, cell, extents, x, back, way, own, batchFirst);
    });
    const stack = (rows: readonly Node[], axis: number) =>
      rows.length === 1 ? rows[0]! : b.concat(rows, { axis });
    // [T, D, B, H], or [B, T, D, H] where the batch comes first.
    const y = site.wants(0)
      ? swap(
          stack(
            runs.map(({ outputs }) =>
              stack(
                outputs.map((h) => b.reshape(h, { shape: [1, 1, batch, hidden] })),
                0,
              ),
            ),
            1,
          ),
          2,
          0,
          1,
          3,
        )
      : undefined;
    const last = (state: number) =>
      swap(
        stack(
          runs.map(({ state: own }) => b.reshape(own[state]!, { shape: [1, batch, hidden] })),
          0,
        ),
        1,
        0,
        2,
      );
    return [y, ...Array.from({ length: cell.states }, (_, state) => last(state))];
  },
});

/** Runs one direction: the hidden state after each step, in the order of time, and the last states. */
function walk(
  site: Site,
  cell: Cell,
  { steps, batch, inputs, hidden }: Extents,
  x: Node,
  back: boolean,
  way: number,
  functions: readonly Activation[],
  batchFirst: boolean,
): { readonly outputs: readonly Node[]; readonly state: State } {
  const { b } = site;
  const { gates } = cell;
  /** Part `way` of an operand with one part a direction. */
  const part = (node: Node, ...shape: readonly number[]) =>
    b.reshape(sliceAxis(site, node, 0, way, 1), { shape });
  const rows = (node: Node, gate: number, axis = 0) =>
    sliceAxis(site, node, axis, gate * hidden, hidden);
  const w = part(site.input(1), gates * hidden, inputs);
  const r = part(site.input(2), gates * hidden, hidden);
  const given = site.optional(3);
  const both = given && part(given, 2 * gates * hidden);
  const apart = cell.apart?.(site) ?? [];
  const zeros = site.zeros(hidden);
  const bias = (gate: number) => (both ? rows(both, gates + gate) : zeros);
  const sums = Array.from({ length: gates }, (_, gate) => {
    if (!both) return zeros;
    return apart.includes(gate) ? rows(both, gate) : b.scalar('add', rows(both, gate), bias(gate));
  });
  const offset = both ? b.concat(sums, { axis: 0 }) : site.zeros(gates * hidden);
  const flat = b.reshape(x, { shape: [steps * batch, inputs] });
  const products = b.reshape(b.linear(flat, w, offset), { shape: [steps, batch, gates * hidden] });
  const holes = site.optional(7);
  const peepholes = holes && part(holes, 3 * hidden);
  const lengths = site.optional(4);

  const initial = (i: number): Node => {
    const state = site.optional(5 + i);
    if (!state) return b.expand(b.value(0), { shape: [batch, hidden] });
    return part(batchFirst ? b.transpose(state, { perm: [1, 0, 2] }) : state, batch, hidden);
  };
  let state: State = Array.from({ length: cell.states }, (_, i) => initial(i));
  const outputs: Node[] = [];
  const shared = hidden * (cell.shared?.(site) ?? gates);
  for (let i = 0; i < steps; i++) {
    const t = back ? steps - 1 - i : i;
    const now = b.reshape(sliceAxis(site, products, 0, t, 1), { shape: [batch, gates * hidden] });
    const recurrent = b.linear(state[0]!, sliceAxis(site, r, 0, 0, shared), site.zeros(shared));
    const next = cell.step(
      site,
      {
        given: (gate) => rows(now, gate, 1),
        recurrent: (gate) => rows(recurrent, gate, 1),
        product: (x, gate) => b.linear(x, rows(r, gate), zeros),
        bias,
        peephole: peepholes && ((gate) => rows(peepholes, gate)),
        functions,
      },
      state,
    );
    if (!lengths) {
      state = next;
      outputs[t] = next[0]!;
      continue;
    }
    const live = b.scalar('gt', b.reshape(lengths, { shape: [batch, 1] }), b.value(t, 'i32'));
    state = next.map((node, s) => b.scalar('select', live, node, state[s]!));
    outputs[t] = b.scalar('select', live, next[0]!, b.value(0));
  }
  return { outputs, state };
}

/** Recurrent layers, by ONNX name. */
export const recurrent: Importers = {
  GRU: layer(gru),
  LSTM: layer(lstm),
  RNN: layer(rnn),
};
