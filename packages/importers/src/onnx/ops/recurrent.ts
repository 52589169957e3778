// Recurrent layers, one step after the other: the operand's part of all steps is a single product.

import { arg, call, literal, type Node, type Scalar } from '@espalier/ir';
import type { Importer, Importers, Site } from '../importer.ts';
import { activationsOf } from './recurrent-activations.ts';
import { sliceAxis } from './select.ts';

/** Each step is nodes of its own. */
const mostSteps = 4096;

type Activation = (x: Scalar) => Scalar;

/** State of one direction, tensors `[B, H]`. */
type State = readonly Node[];

/** Weights of one direction. */
interface Weights {
  /** The operand's part of all gates in step `t`, its bias included: gate `g` is `[B, H]`. */
  readonly given: (gate: number) => Node;
  /** `h · Rᵀ` of a gate, `[B, H]`, for the hidden state before the step. */
  readonly recurrent: (gate: number) => Node;
  /** The same for any other tensor `[B, H]`. */
  readonly product: (x: Node, gate: number) => Node;
  /** The recurrent bias of a gate, `[H]`, where the cell adds it on its own. */
  readonly bias: (gate: number) => Node;
  /** Peepholes of a gate, `[H]`. */
  readonly peephole: ((gate: number) => Node) | undefined;
  readonly functions: readonly Activation[];
}

/** A kind of recurrent layer. */
interface Cell {
  readonly gates: number;
  readonly states: number;
  readonly activations: readonly string[];
  /** How many gates see the hidden state as it was, so that they share a product; default all. */
  readonly shared?: (site: Site) => number;
  /** Gates whose recurrent bias is not added to the operand's part. */
  readonly apart?: (site: Site) => readonly number[];
  readonly step: (site: Site, weights: Weights, state: State) => State;
}

const add = (...terms: readonly Scalar[]): Scalar => terms.reduce((a, b) => call('add', a, b));
const mul = (a: Scalar, b: Scalar) => call('mul', a, b);
const less = (a: Scalar) => call('sub', literal(1), a);

/** `h = f(x + R·h)`. */
const rnn: Cell = {
  gates: 1,
  states: 1,
  activations: ['Tanh'],
  step({ b }, { given, recurrent, functions: [f] }) {
    return [b.map([given(0), recurrent(0)], { expr: f!(add(arg(0), arg(1))) })];
  },
};

const resetsLate = (site: Site) => site.attributes.int('linear_before_reset', 0) !== 0;

/** Gates z, r, h: `h' = (1 − z) · g(…) + z · h` [Cho 2014]. */
const gru: Cell = {
  gates: 3,
  states: 1,
  activations: ['Sigmoid', 'Tanh'],
  shared: (site) => (resetsLate(site) ? 3 : 2),
  apart: (site) => (resetsLate(site) ? [2] : []),
  step(site, { given, recurrent, product, bias, functions: [f, g] }, [h]) {
    const { b } = site;
    const gate = (i: number) => b.map([given(i), recurrent(i)], { expr: f!(add(arg(0), arg(1))) });
    const update = gate(0);
    const reset = gate(1);
    const candidate = resetsLate(site)
      ? b.map([given(2), reset, recurrent(2), bias(2)], {
          expr: g!(add(arg(0), mul(arg(1), add(arg(2), arg(3))))),
        })
      : b.map([given(2), product(b.scalar('mul', reset, h!), 2)], {
          expr: g!(add(arg(0), arg(1))),
        });
    const expr = add(mul(less(arg(0)), arg(1)), mul(arg(0), arg(2)));
    return [b.map([update, candidate, h!], { expr })];
  },
};

/** Gates i, o, f, c: `c' = f·c + i·g(…)`, `h' = o · h(c')` [Hochreiter 1997], with optional peepholes. */
const lstm: Cell = {
  gates: 4,
  states: 2,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  step(site, { given, recurrent, peephole, functions: [f, g, h] }, [, cell]) {
    const { b } = site;
    const gate = (i: number, hole: number | undefined, state: Node, apply: Activation) =>
      hole === undefined || peephole === undefined
        ? b.map([given(i), recurrent(i)], { expr: apply(add(arg(0), arg(1))) })
        : b.map([given(i), recurrent(i), peephole(hole), state], {
            expr: apply(add(arg(0), arg(1), mul(arg(2), arg(3)))),
          });
    const input = gate(0, 0, cell!, f!);
    const coupled = site.attributes.int('input_forget', 0) !== 0;
    const forget = coupled ? b.map([input], { expr: less(arg(0)) }) : gate(2, 2, cell!, f!);
    const candidate = gate(3, undefined, cell!, g!);
    const next = b.map([forget, cell!, input, candidate], {
      expr: add(mul(arg(0), arg(1)), mul(arg(2), arg(3))),
    });
    const output = gate(1, 1, next, f!);
    return [b.map([output, next], { expr: mul(arg(0), h!(arg(1))) }), next];
  },
};

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
