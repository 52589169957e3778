// Operators that TensorFlow Lite took over from TensorFlow.

import { assert, type Node } from '@espalier/ir';
import { operatorOf } from '../../tensorflow/ops/index.ts';
import type { Site as TensorflowSite } from '../../tensorflow/ops/operator.ts';
import type { Operator, Site } from '../operator.ts';

/** TensorFlow's operator of that name, with what else there is to say about TFLite's. */
export function same(name: string, rest: Omit<Operator, 'import'> = {}): Operator {
  const operator = operatorOf(name);
  assert(operator, `TensorFlow has ${name}`);
  return { ...rest, import: operator };
}

/** TensorFlow's operator of that name over other operands. */
export function through(name: string, site: Site, inputs: readonly Node[]) {
  const operator = operatorOf(name);
  assert(operator, `TensorFlow has ${name}`);
  return operator(over(site, inputs));
}

const over = (site: Site, inputs: readonly Node[]): TensorflowSite => ({
  ...site,
  inputs,
  input(i) {
    const node = inputs[i];
    assert(node, 'the caller gives every operand');
    return node;
  },
  numbers(i) {
    const node = inputs[i];
    const value = node && site.known(node);
    if (value === undefined) throw site.dynamic(`operand ${i} is known only when the model runs`);
    return Array.from(value.data);
  },
});
