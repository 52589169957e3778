// Layers with constant weights are computed in 8 bits: their inputs become codes of 7 bits, their weights integers,
// and what follows them gives codes again where the next layer wants them.

import {
  type AttrsOf,
  arg,
  argumentsOf,
  assert,
  type Builder,
  call,
  createBuilder,
  elementCount,
  type Graph,
  type Node,
  type OpNode,
  type Scalar,
  splitInputs,
  substitute,
  type Tensor,
  topologicalOrder,
} from '@espalier/ir';
import { type Code, codeOf, decode, decoded, type Range, unionOf } from './codes.ts';
import { codeClasses, codedValues, isHost, isMover } from './regions.ts';
import { codeOfSums, shortCode } from './simplify-code.ts';
import { integerLayer } from './weights.ts';

/** The code of each value that is held as codes. */
function chooseCodes(graph: Graph, ranges: ReadonlyMap<Node, Range>): Map<Node, Code> {
  const coded = codedValues(graph);
  const classes = codeClasses(coded);
  const united = new Map<Node, Range>();
  for (const node of coded) {
    const range = ranges.get(node);
    assert(range, `${node.name} has a range`);
    const root = classes.get(node)!;
    const known = united.get(root);
    united.set(root, known ? unionOf(known, range) : range);
  }
  const codes = new Map([...united].map(([root, range]) => [root, codeOf(range)]));
  return new Map(coded.map((node) => [node, codes.get(classes.get(node)!)!]));
}

/** The graph with its layers in integers, given the ranges of `codedValues`. */
export function quantise(graph: Graph, ranges: ReadonlyMap<Node, Range>): Graph {
  const codes = chooseCodes(graph, ranges);
  const b = createBuilder(graph);
  const floats = new Map<Node, Node>();
  const coded = new Map<Node, Node>();

  const floatsOf = (node: Node): Node => {
    const known = floats.get(node);
    if (known) return known;
    const made = b.named(node.name).map([coded.get(node)!], { expr: decode(codes.get(node)!) });
    floats.set(node, made);
    return made;
  };
  const codesOf = (node: Node, code: Code): Node => {
    const own = codes.get(node);
    const known = own === code ? coded.get(node) : undefined;
    if (known) return known;
    const made = b.named(node.name).map([floatsOf(node)], { expr: shortCode(arg(0), code) });
    if (own === code) coded.set(node, made);
    return made;
  };
  /** A value as an operand of an expression: codes where there are only codes. */
  const operandOf = (node: Node, index: number): { readonly node: Node; readonly expr: Scalar } => {
    const code = codes.get(node);
    const held = coded.get(node);
    return code && held
      ? { node: held, expr: decoded(arg(index), code) }
      : { node: floatsOf(node), expr: arg(index) };
  };

  function host(node: OpNode): Node {
    const { own, extras } = splitInputs(node);
    const [x, w, bias] = own as [Node, Node, Node];
    assert(w.kind === 'constant' && bias.kind === 'constant', 'a host has constant weights');
    const input = codes.get(x) ?? codeOf({ min: 0, max: 0 });
    const layer = integerLayer(w, bias, input);
    const named = b.named(node.name);
    const sums = named.convInteger(
      asImage(named, node, codesOf(x, input)),
      named.constant(asKernel(layer.weights)),
      named.constant(layer.bias),
      { ...slidingOf(node), zero: input.zero },
    );
    assert(sums.kind === 'op', 'a convolution is an op');
    const scaled = call('mul', call('toF32', arg(0)), arg(1));
    const operands = extras.map((extra, i) => operandOf(extra, 2 + i));
    const args = [scaled, ...operands.map(({ expr }) => expr)];
    const value = substitute(node.epilogue ?? arg(0), args);
    const code = codes.get(node);
    const { expr, factor } = code ? codeOfSums(value, code, scaled) : { expr: value, factor: 1 };
    const scales = named.constant({
      type: { dtype: 'f32', shape: [layer.scales.length, 1, 1] },
      data: layer.scales.map((scale) => scale * factor),
    });
    const others = operands.map((operand) => asImage(named, node, operand.node));
    return asResult(named, node, withUsed(named, sums, expr, [scales, ...others]));
  }

  for (const node of topologicalOrder(graph)) {
    const code = codes.get(node);
    if (node.kind !== 'op') floats.set(node, node);
    else if (isHost(node)) (code ? coded : floats).set(node, host(node));
    else if (code && isMover(node)) {
      const inputs = splitInputs(node).own.map((input) => codesOf(input, code));
      coded.set(node, b.named(node.name).apply(node.op, inputs, node.attrs));
    } else if (node.op === 'map' && (code || node.inputs.some((input) => coded.has(input)))) {
      const { expr } = node.attrs as AttrsOf<'map'>; // its op says so
      const operands = node.inputs.map(operandOf);
      const value = substitute(
        expr,
        operands.map((operand) => operand.expr),
      );
      const inputs = operands.map((operand) => operand.node);
      const made = b.named(node.name).map(inputs, { expr: code ? shortCode(value, code) : value });
      (code ? coded : floats).set(node, made);
    } else {
      const inputs = node.inputs.map(floatsOf);
      floats.set(node, b.withInputs(node, inputs));
    }
  }
  const outputs = graph.outputs.map(({ name, node }) => ({ name, node: floatsOf(node) }));
  return { inputs: graph.inputs, outputs };
}

type Sliding = Omit<AttrsOf<'convInteger'>, 'zero'>;

/** How a host slides; a linear layer is a convolution of one tap. */
const slidingOf = (node: OpNode): Sliding =>
  node.op === 'conv'
    ? (node.attrs as AttrsOf<'conv'>) // its op says so
    : { stride: [1, 1], dilation: [1, 1], pads: [0, 0, 0, 0], groups: 1 };

/** Weights `[O, K]` as `[O, K, 1, 1]`. */
const asKernel = ({ type, data }: Tensor): Tensor => {
  const [o, k, r = 1, s = 1] = type.shape as [number, number, number?, number?];
  return { type: { ...type, shape: [o, k, r, s] }, data };
};

/** An operand of a host as one of a convolution: rows of a linear layer are pixels, `[1, K, 1, M]`. */
function asImage(b: Builder, host: OpNode, value: Node): Node {
  if (host.op === 'conv') return value;
  const { shape } = value.type;
  const k = shape.at(-1) ?? 1;
  const m = elementCount(shape.slice(0, -1));
  // One row for all is one value for each channel.
  if (m === 1 && elementCount(host.type.shape.slice(0, -1)) !== 1)
    return b.reshape(value, { shape: [k, 1, 1] });
  return b.transpose(b.reshape(value, { shape: [1, 1, m, k] }), { perm: [0, 3, 1, 2] });
}

/** The result of a convolution in the shape of its host. */
function asResult(b: Builder, { op, type }: OpNode, value: Node): Node {
  if (op === 'conv') return value;
  return b.reshape(b.transpose(value, { perm: [0, 2, 3, 1] }), { shape: type.shape });
}

/** The sums with an epilogue, and those of its operands that it still reads. */
function withUsed(b: Builder, sums: OpNode, expr: Scalar, extras: readonly Node[]): Node {
  const read = argumentsOf(expr);
  const used = extras.filter((_, i) => read.has(i + 1));
  const args = [arg(0), ...extras.map((extra) => arg(1 + used.indexOf(extra)))];
  return b.withEpilogue(sums, substitute(expr, args), used);
}
