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

/** The most elements and multiplications that all values of a model may take: about a second. */
const mostWork = 2 ** 27;

/** What is cheap enough to compute without being asked for, and how much of it in all. */
const littleWork = { each: 2 ** 16, total: 2 ** 25 };

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
  const values = new Map<Node, Tensor | undefined>(); // of those that have been asked for

  const isConstant = (root: Node): boolean => {
    const stack = [{ node: root, next: 0 }];
    for (let top = stack[0]; top !== undefined; top = stack[stack.length - 1]) {
      const inputs = operands(top.node);
      const operand = inputs[top.next];
      if (operand === undefined) {
        stack.pop();
        const given = top.node.kind === 'input';
        constant.set(top.node, !given && inputs.every((input) => constant.get(input)));
      } else {
        top.next++;
        if (!constant.has(operand)) stack.push({ node: operand, next: 0 });
      }
    }
    return constant.get(root)!;
  };

  const compute = (node: Node) => {
    const value = evaluateConstant(node);
    values.set(node, value);
    return value;
  };

  let left = mostWork;
  let leftCheap = littleWork.total;
  return {
    value(node) {
      if (node.kind === 'constant') return node.value;
      if (values.has(node) || !isConstant(node)) return values.get(node);
      left -= workOf(node, left);
      if (left < 0) throw modelTooLarge(`the value of ${node.name} takes too long to compute`, at);
      return compute(node);
    },
    cheapValue(node) {
      if (values.has(node) || !isConstant(node) || leftCheap < 0) return values.get(node);
      const work = workOf(node, littleWork.each);
      leftCheap -= work;
      return work > littleWork.each ? undefined : compute(node);
    },
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
