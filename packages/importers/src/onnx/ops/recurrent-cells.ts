// One step of each kind of recurrent layer.

import { arg, call, literal, type Node, type Scalar } from '@espalier/ir';
import type { Site } from '../importer.ts';

/** A function of a gate. */
export type Activation = (x: Scalar) => Scalar;

/** State of one direction, tensors `[B, H]`. */
export type State = readonly Node[];

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
export interface Cell {
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
export const rnn: Cell = {
  gates: 1,
  states: 1,
  activations: ['Tanh'],
  step({ b }, { given, recurrent, functions: [f] }) {
    return [b.map([given(0), recurrent(0)], { expr: f!(add(arg(0), arg(1))) })];
  },
};

const resetsLate = (site: Site) => site.attributes.int('linear_before_reset', 0) !== 0;

/** Gates z, r, h: `h' = (1 − z) · g(…) + z · h` [Cho 2014]. */
export const gru: Cell = {
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
export const lstm: Cell = {
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
