// Verbs over compiled graphs of any types: every element of every output is what the reference gives.

import { setFlagsFromString } from 'node:v8';
import {
  type Builder,
  createBuilder,
  evaluate,
  type Graph,
  type InputNode,
  type Node,
  randomTensor,
  type Tensor,
} from '@espalier/ir';
import binaryen from 'binaryen';
import type { Test } from 'tap';
import { difference, type Tolerance } from './compare.ts';
import { start } from './run-compiled.ts';
import { typeOf } from './tensors.ts';

// Older engines have relaxed SIMD behind a flag, newer ones do not know the flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

/** How a value of a graph lies in memory before the op under test reads it. */
export type Layout = 'rowMajor' | 'channelsLast' | 'reversed' | 'sliced' | 'backwards';

/** Every layout. */
export const layouts: readonly Layout[] = [
  'rowMajor',
  'channelsLast',
  'reversed',
  'sliced',
  'backwards',
];

/** What a case is written with. */
export interface Operands {
  readonly b: Builder;
  /** A supplied value, `f32[2,3]`, that lies as `layout` says. */
  input(type: string, layout?: Layout, values?: Tensor): Node;
}

/** Physical axes, outermost first, so that the value's own axes come out in order. */
const orders: Partial<Record<Layout, (rank: number) => readonly number[]>> = {
  channelsLast: (rank) => {
    const axes = Array.from({ length: rank }, (_, axis) => axis);
    return rank < 3 ? axes : [0, ...axes.slice(2), 1];
  },
  reversed: (rank) => Array.from({ length: rank }, (_, i) => rank - 1 - i),
};

/** A graph of what `write` returns, compiled and held against the interpreter, in both modules. */
export function matches(
  t: Test,
  message: string,
  write: (operands: Operands) => readonly Node[],
  tolerance: Tolerance = { relative: 0, absolute: 0 },
): void {
  const b = createBuilder();
  const nodes: InputNode[] = [];
  const inputs: Record<string, Tensor> = {};
  const supply = (values: Tensor): Node => {
    const name = `x${nodes.length}`;
    inputs[name] = values;
    nodes.push(b.input(name, values.type));
    return nodes.at(-1)!;
  };
  const random = (dtype: string, shape: readonly number[]) =>
    supply(randomTensor(typeOf(`${dtype}[${shape}]`), nodes.length + 1));
  const outputs = write({
    b,
    input(text, layout = 'rowMajor', values) {
      if (values) return supply(values);
      const { dtype, shape } = typeOf(text);
      if (layout === 'sliced' || layout === 'backwards') {
        const step = layout === 'sliced' ? 2 : -1;
        const whole = shape.map((extent) => 2 * extent + 1);
        const starts = shape.map((extent) => (layout === 'sliced' ? 1 : Math.max(extent, 1) - 1));
        const steps = shape.map(() => step);
        return b.slice(random(dtype, whole), { starts, sizes: shape, steps });
      }
      const axes = orders[layout]?.(shape.length);
      if (!axes) return random(dtype, shape);
      const value = random(
        dtype,
        axes.map((axis) => shape[axis]!),
      );
      return b.transpose(value, { perm: shape.map((_, axis) => axes.indexOf(axis)) });
    },
  });
  const named = outputs.map((node, i) => ({ name: `y${i}`, node }));
  compareBoth(t, message, { inputs: nodes, outputs: named }, inputs, tolerance);
}

function compareBoth(
  t: Test,
  message: string,
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  tolerance: Tolerance,
): void {
  const expected = evaluate(graph, inputs);
  for (const variant of ['plain', 'relaxed'] as const) {
    const bytes = start(graph).compiled.modules[variant] as Uint8Array<ArrayBuffer>;
    const module = binaryen.readBinary(bytes);
    module.setFeatures(binaryen.Features.All);
    t.equal(module.validate(), 1, `${message}: the ${variant} module is valid`);
    module.dispose();
    if (!WebAssembly.validate(bytes)) continue;
    const actual = start(graph, {}, variant).run(inputs);
    const wrong = Object.entries(expected).flatMap(([name, tensor]) => {
      const found = difference(tensor, actual[name], tolerance);
      return found === undefined ? [] : [`${name}: ${found}`];
    });
    t.same(wrong, [], `${message}, ${variant}`);
  }
}
