// What depends on constants alone is computed now; shape arithmetic vanishes here.

import { elementCount, evaluateNode, type Node, rebuild } from '@espalier/ir';
import { definePass } from '../pass.ts';

/** A folded result may be so many times as large as what it is made of, and more only if it is small. */
const growth = 4;
const smallElements = 1 << 16;

export const foldConstants = definePass({
  name: 'fold-constants',
  summary: 'Computes nodes whose operands are all constants, unless that would bloat the weights.',
  run: (graph) =>
    rebuild(graph, (node, inputs, b) => {
      if (node.kind !== 'op' || inputs.length === 0) return undefined;
      const values: Parameters<typeof evaluateNode>[1][number][] = [];
      for (const input of inputs) {
        if (input.kind !== 'constant') return undefined;
        values.push(input.value);
      }
      const made = elementCount(node.type.shape);
      if (made > smallElements && made > growth * largest(inputs)) return undefined;
      return b.constant(evaluateNode(node, values), node.name);
    }),
});

const largest = (nodes: readonly Node[]): number =>
  Math.max(...nodes.map(({ type }) => elementCount(type.shape)));
