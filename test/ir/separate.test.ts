// Constants of their own for every op.

import { createBuilder, evaluate, randomTensor, separateConstants, verify } from '@espalier/ir';
import t from 'tap';

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;

t.test('no two ops read the same constant, and the network computes the same', async (t) => {
  const b = createBuilder();
  const x = b.input('x', type(2, 4));
  const shared = b.constant(randomTensor(type(4), 1), 'shared');
  const sum = b.scalar('add', x, shared);
  const y = b.scalar('mul', b.scalar('relu', sum), b.scalar('add', shared, shared));
  const graph = { inputs: [x], outputs: [{ name: 'y', node: y }] };
  const apart = separateConstants(graph);
  verify(apart);
  const readers = new Map<unknown, number>();
  const visit = (node: typeof y, seen = new Set<unknown>()): void => {
    if (node.kind !== 'op' || seen.has(node)) return;
    seen.add(node);
    for (const input of node.inputs) {
      if (input.kind === 'constant') readers.set(input, (readers.get(input) ?? 0) + 1);
      visit(input, seen);
    }
  };
  visit(apart.outputs[0]!.node);
  t.equal(readers.size, 3, 'one for each place that reads it');
  t.ok([...readers.values()].every((count) => count === 1));
  const feeds = { x: randomTensor(type(2, 4), 2) };
  t.same(evaluate(apart, feeds).y!.data, evaluate(graph, feeds).y!.data);
});
