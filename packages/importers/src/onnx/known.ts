// Values that depend on no input, computed on demand and within bounds.

import {
  elementCount,
  evaluateConstant,
  type Location,
  type Node,
  operands,
  opOf,
  type Tensor,
} from '@espalier/ir';
import { modelTooLarge } from '../errors.ts';

/** The most elements and multiplications that finding one value may take: about a second. */
const mostWork = 2 ** 26;

/** What is cheap enough to compute without being asked for. */
const littleWork = 2 ** 16;

/** Finds the values of nodes; `undefined` for one that depends on an input. */
export interface Known {
  /** @throws {EspalierError} MODEL_TOO_LARGE, if it would take long. */
  value(node: Node): Tensor | undefined;
  /** The value, if finding it takes next to nothing. */
  cheapValue(node: Node): Tensor | undefined;
}

/** A finder that remembers which nodes depend on inputs. */
export function createKnown(at: Location): Known {
  const constant = new Map<Node, boolean>();
  const values = new Map<Node, Tensor | undefined>();

  const isConstant = (root: Node): boolean => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack[stack.length - 1]!;
      const next = operands(node).find((operand) => !constant.has(operand));
      if (next !== undefined) stack.push(next);
      else {
        stack.pop();
        constant.set(
          node,
          node.kind !== 'input' && operands(node).every((operand) => constant.get(operand)),
        );
      }
    }
    return constant.get(root)!;
  };

  const compute = (node: Node) => {
    if (!values.has(node)) values.set(node, evaluateConstant(node));
    return values.get(node);
  };

  return {
    value(node) {
      if (node.kind === 'constant') return node.value;
      if (!isConstant(node)) return undefined;
      if (workOf(node, mostWork) > mostWork)
        throw modelTooLarge(`the value of ${node.name} takes too long to compute`, at);
      return compute(node);
    },
    cheapValue: (node) =>
      isConstant(node) && workOf(node, littleWork) <= littleWork ? compute(node) : undefined,
  };
}

/** Elements and multiplications of a node and all that it needs, counted up to `enough`. */
function workOf(root: Node, enough: number): number {
  const seen = new Set<Node>([root]);
  let work = 0;
  for (const node of seen) {
    if (node.kind !== 'op') continue;
    work += elementCount(node.type.shape);
    const inputs = node.inputs.map(({ type }) => type);
    work += opOf(node.op).macs(node.attrs, inputs, node.type);
    work += inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    for (const operand of node.inputs) seen.add(operand);
    if (work > enough) break;
  }
  return work;
}
