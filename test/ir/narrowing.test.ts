import {
  type ChannelGroup,
  type ConstantNode,
  channelGroups,
  createBuilder,
  evaluate,
  type Graph,
  type Node,
  parse,
  type Tensor,
  topologicalOrder,
  verify,
} from '@espalier/ir';
import t from 'tap';
import { randomInputs } from '../support/ir.ts';
import { closeTo } from '../support/tensors.ts';

/** A tensor without some indices of an axis. */
function without({ type, data }: Tensor, axis: number, gone: readonly number[]): Tensor {
  const extent = type.shape[axis]!;
  const inner = type.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const kept = data.filter((_, i) => !gone.includes(Math.floor(i / inner) % extent));
  const shape = type.shape.map((d, i) => (i === axis ? d - gone.length : d));
  return { type: { ...type, shape }, data: kept };
}

/** A tensor with some indices of an axis zero. */
function zeroed({ type, data }: Tensor, axis: number, gone: readonly number[]): Tensor {
  const extent = type.shape[axis]!;
  const inner = type.shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const kept = data.map((x, i) => (gone.includes(Math.floor(i / inner) % extent) ? 0 : x));
  return { type, data: kept };
}

/** The graph over other constants; convs that were depthwise stay so. */
function withConstants(graph: Graph, change: (node: ConstantNode) => Tensor): Graph {
  const b = createBuilder();
  const became = new Map<Node, Node>();
  for (const node of topologicalOrder(graph)) {
    if (node.kind === 'input') became.set(node, node);
    if (node.kind === 'constant') became.set(node, b.constant(change(node), node.name));
    if (node.kind !== 'op') continue;
    const inputs = node.inputs.map((input) => became.get(input)!);
    const depthwise = node.op === 'conv' && inputs[1]!.type.shape[1] === 1;
    const attrs = depthwise ? { ...node.attrs, groups: inputs[0]!.type.shape[1] } : node.attrs;
    became.set(node, b.named(node.name).apply(node.op, inputs, attrs));
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: became.get(node)! }));
  return { inputs: graph.inputs, outputs };
}

const goneFrom = (group: ChannelGroup, node: Node, unit: number, axes: readonly number[]) =>
  group.axes
    .filter((narrowed) => narrowed.node === node && axes.includes(narrowed.axis))
    .map(({ axis, indices }) => ({ axis, indices: indices[unit]! }));

const attrs = (pads: number, groups = 1) =>
  `{dilation: [1, 1], groups: ${groups}, pads: [${pads}, ${pads}, ${pads}, ${pads}], stride: [1, 1]}`;

const transposed =
  '{dilation: [1, 1], groups: 2, outputPadding: [0, 1], pads: [1, 0, 1, 1], stride: [2, 2]}';

const networks = {
  residual: `
    x = input f32[1,3,4,4]
    w0 = constant f32[4,3,3,3]
    b0 = constant f32[4]
    a = conv(x, w0, b0) ${attrs(1)}
    w1 = constant f32[6,4,3,3]
    b1 = constant f32[6]
    c = conv(a, w1, b1) ${attrs(1)}
    r = map(c) {expr: sigmoid(a0)}
    w2 = constant f32[4,6,3,3]
    b2 = constant f32[4]
    d = conv(r, w2, b2) ${attrs(1)}
    s = map(a, d) {expr: a0 + a1}
    w3 = constant f32[2,4,3,3]
    b3 = constant f32[2]
    y = conv(s, w3, b3) ${attrs(1)}
    return y
  `,
  concat: `
    x = input f32[1,3,4,4]
    w1 = constant f32[2,3,3,3]
    b1 = constant f32[2]
    y1 = conv(x, w1, b1) ${attrs(1)}
    w2 = constant f32[3,3,3,3]
    b2 = constant f32[3]
    y2 = conv(x, w2, b2) ${attrs(1)}
    c = concat(y1, y2, y1) {axis: 1}
    w3 = constant f32[4,7,1,1]
    b3 = constant f32[4]
    y = conv(c, w3, b3) ${attrs(0)}
    return y
  `,
  depthwise: `
    x = input f32[1,3,4,4]
    w1 = constant f32[4,3,1,1]
    b1 = constant f32[4]
    y1 = conv(x, w1, b1) ${attrs(0)}
    w2 = constant f32[8,1,3,3]
    b2 = constant f32[8]
    y2 = conv(y1, w2, b2) ${attrs(1, 4)}
    w3 = constant f32[2,8,1,1]
    b3 = constant f32[2]
    y = conv(y2, w3, b3) ${attrs(0)}
    return y
  `,
  grouped: `
    x = input f32[1,3,4,4]
    w1 = constant f32[6,3,1,1]
    b1 = constant f32[6]
    y1 = conv(x, w1, b1) ${attrs(0)}
    w2 = constant f32[4,3,3,3]
    b2 = constant f32[4]
    y2 = conv(y1, w2, b2) ${attrs(1, 2)}
    w3 = constant f32[2,4,1,1]
    b3 = constant f32[2]
    y = conv(y2, w3, b3) ${attrs(0)}
    return y
  `,
  'transposed and grouped': `
    x = input f32[1,3,4,4]
    w1 = constant f32[6,3,1,1]
    b1 = constant f32[6]
    y1 = conv(x, w1, b1) ${attrs(0)}
    t2 = constant f32[6,2,3,3]
    b2 = constant f32[4]
    y2 = convTranspose(y1, t2, b2) ${transposed}
    w3 = constant f32[2,4,1,1]
    b3 = constant f32[2]
    y = conv(y2, w3, b3) ${attrs(0)}
    return y
  `,
};

/** The axis of weights that multiplies what an earlier layer made; a transposed conv's are `t…`. */
const reads = ({ name, type }: ConstantNode) =>
  type.shape.length === 4 ? [name.startsWith('t') ? 0 : 1] : [];

for (const [title, text] of Object.entries(networks))
  t.test(
    `without a unit, a ${title} network computes what it did with the unit unread`,
    async (t) => {
      const graph = parse(text);
      const inputs = randomInputs(graph, 7);
      const free = channelGroups(graph).filter(({ frozen }) => frozen === undefined);
      t.ok(free.length > 0, 'some units can go');
      for (const group of free)
        for (let unit = 0; unit < group.units; unit++) {
          const narrow = withConstants(graph, (node) =>
            goneFrom(group, node, unit, [0, 1, 2, 3]).reduce(
              (value, { axis, indices }) => without(value, axis, indices),
              node.value,
            ),
          );
          t.doesNotThrow(() => verify(narrow), 'the narrow network is well formed');
          const unread = withConstants(graph, (node) =>
            goneFrom(group, node, unit, reads(node)).reduce(
              (value, { axis, indices }) => zeroed(value, axis, indices),
              node.value,
            ),
          );
          // Removing a term that is zero moves no rounding, but sums may be taken in another order.
          const message = `without unit ${unit} of ${group.units}`;
          const [expected, actual] = [evaluate(unread, inputs), evaluate(narrow, inputs)];
          closeTo(t, actual.y!, expected.y!, 1e-5, message);
        }
    },
  );
