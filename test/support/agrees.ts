// Verbs over compiled graphs: what the generated code computes is what the reference computes.

import type { CompileOptions } from '@espalier/compiler';
import {
  type Builder,
  createBuilder,
  evaluate,
  type Graph,
  type InputNode,
  type Node,
  randomTensor,
  type Tensor,
  type TensorType,
} from '@espalier/ir';
import type { Test } from 'tap';
import { type Running, start } from './run-compiled.ts';

/** Makes the operands of a case: random values from seeds that count up. */
export interface Operands {
  readonly b: Builder;
  /** A value that the caller of the model supplies. */
  input(...shape: number[]): Node;
  /** A weight. */
  constant(...shape: number[]): Node;
}

/** A graph of one output `y`, with values for its inputs. */
export interface Case {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Tensor>>;
}

/** Writes a case down as its last node. */
export function caseOf(write: (operands: Operands) => Node, seed = 1): Case {
  const b = createBuilder();
  const nodes: InputNode[] = [];
  const inputs: Record<string, Tensor> = {};
  const type = (shape: readonly number[]): TensorType => ({ dtype: 'f32', shape });
  let next = seed;
  const node = write({
    b,
    input(...shape) {
      const name = `x${nodes.length}`;
      inputs[name] = randomTensor(type(shape), next++);
      nodes.push(b.input(name, type(shape)));
      return nodes.at(-1)!;
    },
    constant: (...shape) => b.constant(randomTensor(type(shape), next++), `w${next}`),
  });
  return { graph: { inputs: nodes, outputs: [{ name: 'y', node }] }, inputs };
}

/**
 * Asserts that a case, compiled, gives what the interpreter gives, and returns the running model.
 *
 * @param tolerance Of the largest element that is expected; sums are taken in another order.
 */
export function agrees(
  t: Test,
  { graph, inputs }: Case,
  message: string,
  tolerance = 1e-5,
  options: CompileOptions = {},
): Running {
  const running = start(graph, options);
  const actual = running.run(inputs).y!;
  const expected = evaluate(graph, inputs).y!;
  t.same(actual.type, expected.type, `${message}: type`);
  const error = worstError(actual, expected);
  t.ok(error <= tolerance, `${message}: off by ${error} of the largest`);
  return running;
}

/** The largest difference, in parts of the largest finite element; NaN has to meet NaN. */
export function worstError(actual: Tensor, expected: Tensor): number {
  let [largest, worst] = [0, 0];
  expected.data.forEach((value, i) => {
    const given = actual.data[i]!;
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
    if (Object.is(value, given) || value === given) return;
    const error = Math.abs(value - given);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  });
  return worst === 0 ? 0 : worst / largest;
}
