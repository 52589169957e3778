// The verb for gradients: an op's rule against central differences.

import {
  createBuilder,
  decompose,
  evaluate,
  type Node,
  type OpName,
  opOf,
  type Tensor,
} from '@espalier/ir';
import type { Test } from 'tap';
import { randomTensor, typeOf } from './tensors.ts';

/** One case: types of the operands, attributes, and which operands are fixed constants. */
export interface GradientCase {
  readonly inputs: readonly string[];
  readonly attrs?: object;
  /** Values for operands through which nothing flows, by position. */
  readonly fixed?: Readonly<Record<number, Tensor>>;
  /** Range of the random operands; kinks and poles are kept out by it. */
  readonly range?: readonly [number, number];
}

// f32 results carry a relative error of 6e-8; differences over 2·h of values around 1 keep three digits.
const step = 1e-2;
const tolerance = 2e-2;

/**
 * A test that the gradient of `Σ y · c`, for random `c`, equals central differences at up to 24
 * elements of each operand.
 */
export const differentiates =
  (op: OpName, cases: readonly GradientCase[]) =>
  async (t: Test): Promise<void> => {
    for (const { inputs, attrs = {}, fixed = {}, range } of cases) {
      const b = createBuilder();
      const nodes = inputs.map((type, i): Node => {
        const value = fixed[i];
        return value ? b.constant(value) : b.input(`x${i}`, typeOf(type));
      });
      const y = b.apply(op, nodes, attrs);
      const rule = opOf(op).gradient;
      if (rule === 'none') throw new Error(`${op} has a gradient`);
      const c = b.constant(randomTensor(y.type, 99));
      const gradients = rule(b, c, attrs, { inputs: nodes, output: y });
      const ports = nodes.flatMap((node) => (node.kind === 'input' ? [node] : []));
      const values = Object.fromEntries(
        ports.map(({ name, type }, i) => [name, randomTensor(type, 7 + i, range)] as const),
      );
      const loss = (at: Record<string, Tensor>): number => {
        const graph = { inputs: ports, outputs: [{ name: 'y', node: y }] };
        const { data } = evaluate(decompose(graph), at).y!;
        return Array.from(data).reduce((sum, value, i) => sum + value * c.value.data[i]!, 0);
      };
      nodes.forEach((node, i) => {
        const gradient = gradients[i];
        if (node.kind !== 'input') return;
        if (!gradient) {
          t.fail(`${op} gives operand ${i} no gradient`);
          return;
        }
        t.same(gradient.type, node.type, `${op}: the gradient of operand ${i} has its type`);
        const graph = { inputs: ports, outputs: [{ name: 'g', node: gradient }] };
        const actual = evaluate(graph, values).g!.data;
        const stride = Math.max(1, Math.floor(actual.length / 24));
        let worst = 0;
        for (let k = 0; k < actual.length; k += stride) {
          const moved = (by: number): number => {
            const data = Float32Array.from(values[node.name]!.data);
            data[k]! += by;
            return loss({ ...values, [node.name]: { type: node.type, data } });
          };
          const expected = (moved(step) - moved(-step)) / (2 * step);
          const error = Math.abs(actual[k]! - expected) / Math.max(1, Math.abs(expected));
          worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
        }
        t.ok(worst <= tolerance, `${op}(${inputs}) operand ${i}: off by ${worst}`);
      });
    }
  };
