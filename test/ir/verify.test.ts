import { type Graph, type Node, parse, type TensorType, verify } from '@espalier/ir';
import t from 'tap';

const network = parse(`
  x = input f32[1,3,4,4]
  w = constant f32[2,3,1,1] seed 1
  b = constant f32[2] seed 2
  y = conv(x, w, b) {dilation: [1, 1], groups: 1, pads: [0, 0, 0, 0], stride: [1, 1]}
  return y
`);

const f32 = (...shape: number[]): TensorType => ({ dtype: 'f32', shape });

/** The network with one of its nodes replaced, without a builder to refuse it. */
function corrupt(name: string, change: object): Graph {
  const y = network.outputs[0]!.node;
  const replaced = (node: Node): Node => {
    const inputs = node.kind === 'op' ? { inputs: node.inputs.map(replaced) } : {};
    return { ...node, ...inputs, ...(node.name === name && change) } as Node; // that is the point
  };
  return {
    inputs: network.inputs.map((node) => replaced(node) as typeof node),
    outputs: [{ name: 'y', node: replaced(y) }],
  };
}

/** The corrupted copies of one input are one node, as they are in a graph. */
const withSharedInput = (graph: Graph): Graph => {
  const y = graph.outputs[0]!.node;
  const input = y.kind === 'op' ? y.inputs[0] : undefined;
  return { ...graph, inputs: input?.kind === 'input' ? [input] : [] };
};

t.test('accepts what a builder has made', async (t) => {
  t.doesNotThrow(() => verify(network), 'a network');
  t.doesNotThrow(() => verify(withSharedInput(corrupt('y', {}))), 'a copy of it');
});

t.test('names the node whose type is not what its op infers', async (t) => {
  const refused = (change: object) =>
    t.throws(
      () => verify(withSharedInput(corrupt('y', change))),
      /\by \(conv(olution)?\)/,
      'the conv',
    );
  refused({ type: f32(1, 2, 4, 5) });
  refused({ type: { dtype: 'i32', shape: [1, 2, 4, 4] } });
  refused({ attrs: { stride: [2, 2], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 } });
  refused({ op: 'convolution' });
});

t.test('keeps the cause where an op refuses its operands', async (t) => {
  const wide = withSharedInput(corrupt('w', { type: f32(2, 4, 1, 1) }));
  const { node } = wide.outputs[0]!;
  const w = node.kind === 'op' ? node.inputs[1] : undefined;
  t.equal(w?.type.shape[1], 4, 'w has four channels');
  t.throws(() => verify(wide), /\bw \(constant\)/, 'the constant is met first');
});

t.test('checks the elements of constants', async (t) => {
  const refused = (value: object) =>
    t.throws(() => verify(withSharedInput(corrupt('b', { value }))), /\bb \(constant\)/, 'b');
  refused({ type: f32(2), data: new Float32Array(3) });
  refused({ type: f32(2), data: new Int32Array(2) });
  refused({ type: f32(3), data: new Float32Array(3) });
});

t.test('asks for operands made before their users', async (t) => {
  t.throws(
    () => verify(withSharedInput(corrupt('x', { id: Number.MAX_SAFE_INTEGER }))),
    /y \(conv\) is made after its operand x/,
    'a later x',
  );
});

t.test('asks that inputs are declared', async (t) => {
  t.throws(() => verify({ ...network, inputs: [] }), /x \(input\)/, 'x is not among the inputs');
});

t.test('asks for names of their own', async (t) => {
  const [output] = network.outputs;
  t.throws(() => verify({ ...network, outputs: [output!, output!] }), /two are y/, 'outputs');
  const [x] = network.inputs;
  t.throws(() => verify({ ...network, inputs: [x!, x!] }), /two are x/, 'inputs');
});

t.test('checks epilogues', async (t) => {
  const epilogue = { kind: 'call', fn: 'not', args: [{ kind: 'arg', index: 0 }] };
  t.throws(() => verify(withSharedInput(corrupt('y', { epilogue }))), /y \(conv\)/, 'not of f32');
});
