// Channels that go from a network: what is left computes what the network with zeroed channels does.

import {
  channelGroups,
  createBuilder,
  evaluate,
  type Graph,
  type Node,
  randomTensor,
  verify,
} from '@espalier/ir';
import {
  channelScores,
  magnitude,
  maskOfZeros,
  narrow,
  recognise,
  weightShape,
} from '@espalier/sparsity';
import t from 'tap';
import { worstError } from '../support/agrees.ts';

const type = (...shape: number[]) => ({ dtype: 'f32', shape }) as const;
const plain = { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } as const;
const same = { ...plain, pads: [1, 1, 1, 1] } as const;

/** Residual, depthwise, concatenation, flattening and a linear head. */
function network(): { graph: Graph; inputs: Record<string, ReturnType<typeof randomTensor>> } {
  const b = createBuilder();
  let seed = 1;
  const constant = (...shape: number[]) =>
    b.constant(randomTensor(type(...shape), seed++), `w${seed}`);
  const x = b.input('x', type(1, 3, 6, 6));
  const conv = (input: Node, o: number, i: number, k: number) =>
    b.conv(input, constant(o, i, k, k), constant(o), k === 3 ? same : plain);
  const stem = b.scalar('relu', conv(x, 8, 3, 3));
  const spread = b.scalar(
    'relu',
    b.conv(stem, constant(8, 1, 3, 3), constant(8), { ...same, groups: 8 }),
  );
  const sum = b.scalar('add', conv(spread, 8, 8, 1), stem);
  const joined = b.concat([sum, b.scalar('relu', conv(sum, 5, 8, 3))], { axis: 1 });
  const flat = b.reshape(joined, { shape: [1, 13 * 36] });
  const y = b.linear(flat, constant(4, 13 * 36), constant(4));
  return {
    graph: { inputs: [x], outputs: [{ name: 'y', node: y }] },
    inputs: { x: randomTensor(type(1, 3, 6, 6), 99) },
  };
}

/** The graph in which the units' constants are zero instead of gone. */
function zeroed(graph: Graph, dropped: ReadonlySet<number>, index: number): Graph {
  const group = channelGroups(graph)[index]!;
  const b = createBuilder(graph);
  const became = new Map<Node, Node>();
  const visit = (node: Node): Node => {
    const known = became.get(node);
    if (known) return known;
    let result: Node = node;
    if (node.kind === 'op') result = b.withInputs(node, node.inputs.map(visit));
    if (node.kind === 'constant') {
      const data = node.value.data.slice();
      for (const axis of group.axes.filter((other) => other.node === node)) {
        const { shape } = node.type;
        const stride = shape.slice(axis.axis + 1).reduce((n, d) => n * d, 1);
        const gone = new Set([...dropped].flatMap((unit) => axis.indices[unit]!));
        for (let at = 0; at < data.length; at++)
          if (gone.has(Math.floor(at / stride) % shape[axis.axis]!)) data[at] = 0;
      }
      result = b.constant({ type: node.value.type, data }, node.name);
    }
    became.set(node, result);
    return result;
  };
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map(({ name, node }) => ({ name, node: visit(node) })),
  };
}

t.test('a narrowed network computes what zeroed channels give', async (t) => {
  const { graph, inputs } = network();
  const groups = channelGroups(graph);
  let tried = 0;
  groups.forEach((group, index) => {
    if (group.frozen) return;
    tried++;
    const dropped = new Set([0, group.units - 2]);
    const narrowed = narrow(graph, group, dropped);
    verify(narrowed);
    const error = worstError(
      evaluate(narrowed, inputs).y!,
      evaluate(zeroed(graph, dropped, index), inputs).y!,
    );
    t.ok(error < 1e-6, `group of ${group.units} units over ${group.axes.length} axes: ${error}`);
  });
  t.ok(tried >= 2, `${tried} groups can be narrowed`);
});

/** The scores of all elements at some indices along an axis. */
function alongAxis(node: Node, axis: number, indices: readonly number[], scores: Float32Array) {
  const { shape } = node.type;
  const stride = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const wanted = new Set(indices);
  return scores.reduce(
    (sum, score, at) => (wanted.has(Math.floor(at / stride) % shape[axis]!) ? sum + score : sum),
    0,
  );
}

t.test('scores of a group add up over all of its constants', async (t) => {
  const { graph } = network();
  const group = channelGroups(graph).find(({ frozen }) => !frozen)!;
  const constants = group.axes.filter(({ node }) => node.kind === 'constant');
  const scores = new Map(
    constants.map(({ node }) => [
      node,
      node.kind === 'constant' ? magnitude(node.value.data as Float32Array) : new Float32Array(),
    ]),
  );
  const totals = channelScores(group, scores);
  t.equal(totals.length, group.units, 'one a unit');
  // A weight between two channels of the group counts for both.
  const all = constants.reduce(
    (sum, { node, axis, indices }) =>
      sum + alongAxis(node, axis, indices.flat(), scores.get(node)!),
    0,
  );
  t.ok(Math.abs(totals.reduce((s, v) => s + v, 0) - all) < 1e-3 * all, 'all weights are counted');
});

t.test('refuses to take everything', async (t) => {
  const { graph } = network();
  const group = channelGroups(graph).find(({ frozen }) => !frozen)!;
  const all = new Set(Array(group.units).keys());
  t.throws(() => narrow(graph, group, all), { code: 'BAD_SCHEME' });
});

t.test('recognises the structure of zeros', async (t) => {
  const shape = weightShape([32, 16, 3, 3]);
  const mask = (keep: (f: number, c: number, p: number) => boolean) =>
    maskOfZeros(
      Float32Array.from({ length: 32 * 144 }, (_, at) =>
        keep(Math.floor(at / 144), Math.floor(at / 9) % 16, at % 9) ? 1 : 0,
      ),
    );
  const hash = (a: number, b: number, c = 0) =>
    (Math.imul(a * 31 + b * 7 + c * 13 + 5, 2654435761) >>> 0) / 2 ** 32;
  const kernels = recognise(
    mask((f, c) => hash(Math.floor(f / 8), c) < 0.3),
    shape,
  );
  t.match(kernels, { filters: 8, wholeKernels: true, covered: 0 }, 'kernels in blocks of 8');
  const fours = recognise(
    mask((f, c, p) => hash(Math.floor(f / 4), c, p) < 0.3),
    shape,
  );
  t.match(fours, { filters: 4, wholeKernels: false, covered: 0 }, 'positions in blocks of 4');
  const single = recognise(
    mask((f, c, p) => hash(f, c, p) < 0.2),
    shape,
  );
  t.match(single, { filters: 1, wholeKernels: false }, 'single weights');
  t.ok(Math.abs(single.sparsity - 0.8) < 0.1, `sparsity ${single.sparsity}`);
});
