// Chooses the kernels of a whole graph: each value of rank 4 lies with its channels innermost (NHWC) or
// in planes (CHW), a kernel reads and writes one of the two, and between them a copy is due. The cheapest
// assignment is a minimum cut.

import {
  elementCount,
  type Graph,
  type Node,
  type OpNode,
  splitInputs,
  topologicalOrder,
} from '@espalier/ir';
import { stepTime } from '../../devices/latency.ts';
import { cheapestLabels } from '../../plan/min-cut.ts';
import { extentOf } from '../../plan/strides.ts';
import {
  type Buffer,
  channelsLast,
  elementBytes,
  noHalo,
  type Order,
  rowMajor,
  type View,
} from '../../plan/view.ts';
import { type Choice, type Predicted, predictKernels } from './choose.ts';
import type { Kernel } from './kernel.ts';
import { emitCopy } from './kernels/copy.ts';
import { bodiesOf } from './link.ts';
import { type PricedCall, workOf } from './work-of.ts';

/** 0 with channels innermost, 1 in planes; `undefined` takes whatever its operands have. */
type Layout = 0 | 1 | undefined;

/** The layout that a kernel reads and writes, for results of rank 4. */
function layoutOf(kernel: Kernel, node: OpNode): Layout {
  const order = kernel.order?.(node);
  if (order?.length !== 4) return undefined;
  return order.at(-1) === 1 ? 0 : order.at(-1) === 3 ? 1 : undefined;
}

/** Whether a value's layout matters: it has both channels and pixels. */
const hasLayout = ({ type: { shape } }: Node): boolean =>
  shape.length === 4 && shape[1]! > 1 && shape[2]! * shape[3]! > 1 && elementCount(shape) > 0;

/** The kernel of every node that needs one. */
export function chooseKernels(
  graph: Graph,
  choice: Choice,
  isAlias: (node: OpNode) => boolean,
): Map<OpNode, Kernel> {
  const order = topologicalOrder(graph);
  const ops = order.filter((node): node is OpNode => node.kind === 'op');
  const predicted = new Map<OpNode, readonly Predicted[]>();
  for (const node of ops) if (!isAlias(node)) predicted.set(node, predictKernels(node, choice));
  const labels = layouts(graph, order, predicted, choice);
  const chosen = new Map<OpNode, Kernel>();
  for (const [node, kernels] of predicted) {
    const label = labels.get(node);
    const fitting = kernels.filter(({ kernel }) => {
      const layout = layoutOf(kernel, node);
      return label === undefined || layout === undefined || layout === label;
    });
    chosen.set(node, cheapest(fitting).kernel);
  }
  return chosen;
}

const cheapest = (kernels: readonly Predicted[]): Predicted =>
  kernels.reduce((best, other) => (other.ns < best.ns ? other : best));

/** The layout of every value that has one. */
function layouts(
  graph: Graph,
  order: readonly Node[],
  predicted: ReadonlyMap<OpNode, readonly Predicted[]>,
  choice: Choice,
): Map<Node, 0 | 1> {
  const values = order.filter((node) => node.kind !== 'constant' && hasLayout(node));
  const numbers = new Map(values.map((node, index) => [node, index]));
  // Nobody has a choice in most graphs of few kinds of ops.
  const own = values.map((node): [number, number] => {
    if (node.kind === 'input') return [Number.POSITIVE_INFINITY, 0];
    const kernels = predicted.get(node as OpNode);
    if (!kernels)
      return node.kind === 'op' && node.op === 'reshape' ? [Number.POSITIVE_INFINITY, 0] : [0, 0];
    const least = (label: 0 | 1) => {
      const fitting = kernels.filter(({ kernel }) => {
        const layout = layoutOf(kernel, node as OpNode);
        return layout === undefined || layout === label;
      });
      return fitting.length > 0 ? cheapest(fitting).ns : Number.POSITIVE_INFINITY;
    };
    const both: [number, number] = [least(0), least(1)];
    return both.every((cost) => cost === Number.POSITIVE_INFINITY) ? [0, 0] : both;
  });
  const edges = values.flatMap((node, a) =>
    node.kind === 'op'
      ? [...new Set(node.inputs)].flatMap((operand) => {
          const b = numbers.get(operand);
          return b === undefined ? [] : [{ a, b, ...copyCosts(operand, choice) }];
        })
      : [],
  );
  // The caller reads outputs in planes; ops of other ranks read their operands so.
  const planes = new Set<Node>(graph.outputs.map(({ node }) => node));
  for (const node of order)
    if (node.kind === 'op' && !numbers.has(node) && node.op !== 'reduce' && node.op !== 'transpose')
      for (const operand of splitInputs(node).own) planes.add(operand);
  const anchor = values.length;
  for (const node of planes) {
    const index = numbers.get(node);
    if (index !== undefined) edges.push({ a: anchor, b: index, ...copyCosts(node, choice) });
  }
  const labels = cheapestLabels({
    count: values.length + 1,
    own: [...own, [Number.POSITIVE_INFINITY, 0]],
    edges,
  });
  return new Map(values.map((node, index) => [node, labels[index]!]));
}

/** What it takes to copy a value for a reader, in ns: from planes (`cost`), and into planes (`back`). */
function copyCosts(node: Node, { profile, constantBytes }: Choice): { cost: number; back: number } {
  const { shape, dtype } = node.type;
  const view = (axes: Order): View => {
    const { elements, strides } = extentOf(shape, axes, noHalo);
    const buffer: Buffer = {
      id: axes[1]!,
      bytes: elementBytes(dtype) * elements,
      kind: 'activation',
      label: '',
    };
    return { address: { buffer, byteOffset: 0 }, dtype, shape, strides, halo: noHalo };
  };
  const priced = (from: Order, to: Order): number => {
    const calls: PricedCall[] = [];
    emitCopy(
      { call: (call) => calls.push({ kernel: 'copy', ...call }) },
      view(from),
      view(to),
      'copy',
    );
    return calls
      .flatMap((call) => {
        const { plain, relaxed } = bodiesOf(call);
        const work = workOf(call, { plain: plain.tally, relaxed: relaxed.tally });
        return profile.modules.map((module) => stepTime(work, profile, module, constantBytes).ns);
      })
      .reduce((sum, ns) => sum + ns, 0);
  };
  const [pixels, planes] = [channelsLast(4), rowMajor(4)];
  return { cost: priced(planes, pixels), back: priced(pixels, planes) };
}
