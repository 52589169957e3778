// A quotient by a number is a product with its inverse, where a unit in the last place does not matter.

import {
  type AttrsOf,
  call,
  type DType,
  type Graph,
  inferScalar,
  literal,
  type Node,
  type OpName,
  type OpNode,
  operands,
  rebuild,
  type Scalar,
  type ScalarName,
  topologicalOrder,
} from '@espalier/ir';
import { definePass } from '../pass.ts';

/** Functions whose results differ as little as their operands do, whatever these are. */
const smooth: ReadonlySet<ScalarName> = new Set<ScalarName>([
  ...(['add', 'sub', 'mul', 'neg', 'abs', 'max', 'min', 'relu'] as const),
  ...(['exp', 'sigmoid', 'tanh', 'erf'] as const),
]);

/** Whether an operand of a function may be off by a unit: not what is rounded, compared, or divided by. */
const bears = (fn: ScalarName, operand: number): boolean =>
  smooth.has(fn) || (fn === 'div' && operand === 0) || (fn === 'select' && operand > 0);

/** Whether an argument may be off wherever an expression reads it. */
const bearsArgument = (expr: Scalar, index: number, borne = true): boolean => {
  if (expr.kind === 'arg') return borne || expr.index !== index;
  if (expr.kind === 'literal') return true;
  return expr.args.every((part, i) => bearsArgument(part, index, borne && bears(expr.fn, i)));
};

/** Layers whose sums are rounded in an order of their own: nobody counts on their bits. */
const layers: ReadonlySet<OpName> = new Set<OpName>([
  ...(['conv', 'convTranspose', 'linear', 'matmul', 'softmax', 'layerNorm'] as const),
]);

/** Ops that hand differences on to who reads them. */
const carriers: ReadonlySet<OpName> = new Set<OpName>([
  ...(['reshape', 'transpose', 'slice', 'concat', 'pad', 'gather', 'scatter'] as const),
  ...(['maxPool', 'sumPool', 'reduce', 'resample', 'cumSum'] as const),
]);

/** Whether an operand of a node may be off, where the node's own result may be or not. */
function bearsOperand(node: OpNode, index: number, own: boolean): boolean {
  if (layers.has(node.op)) return !node.epilogue || index === 0;
  if (!own || node.epilogue) return false;
  if (carriers.has(node.op)) return true;
  return node.op === 'map' && bearsArgument((node.attrs as AttrsOf<'map'>).expr, index); // its op says so
}

/** The nodes whose results may be off by a unit, since nobody rounds, compares or ranks them. */
function tolerant(graph: Graph): ReadonlySet<Node> {
  const order = topologicalOrder(graph);
  const found = new Set<Node>(order);
  // Readers first, so that what is known of them is final.
  for (const node of order.reverse())
    operands(node).forEach((operand, i) => {
      if (node.kind === 'op' && !bearsOperand(node, i, found.has(node))) found.delete(operand);
    });
  return found;
}

const smallestNormal = 2 ** -126;

/** The inverse that stands for a divisor, unless it overflows or loses digits. */
function inverseOf(divisor: number): number | undefined {
  const inverse = Math.fround(1 / divisor);
  return Number.isFinite(inverse) && Math.abs(inverse) >= smallestNormal ? inverse : undefined;
}

/** The expression with products for quotients, in all parts that may be off. */
function multiplied(expr: Scalar, dtypes: readonly DType[]): Scalar {
  if (expr.kind !== 'call') return expr;
  const parts = expr.args.map((part, i) => (bears(expr.fn, i) ? multiplied(part, dtypes) : part));
  const [value, divisor] = parts as [Scalar, Scalar?];
  const inverse =
    expr.fn === 'div' && divisor?.kind === 'literal' && inferScalar(expr, dtypes) === 'f32'
      ? inverseOf(divisor.value)
      : undefined;
  if (inverse !== undefined) return call('mul', value, literal(inverse));
  return parts.every((part, i) => part === expr.args[i]) ? expr : call(expr.fn, ...parts);
}

export const multiplyByInverses = definePass({
  name: 'multiply-by-inverses',
  summary: 'Multiplies by the inverses of numbers instead of dividing, where no bit is counted on.',
  inexact: true,
  run: (graph) => {
    const free = tolerant(graph);
    return rebuild(graph, (node, inputs, b) => {
      if (node.kind !== 'op' || node.op !== 'map' || node.epilogue || !free.has(node))
        return undefined;
      const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
      const dtypes = inputs.map(({ type }) => type.dtype);
      const product = multiplied(expr, dtypes);
      return product === expr ? undefined : b.map(inputs, { expr: product });
    });
  },
});
