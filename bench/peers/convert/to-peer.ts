// Converts a graph for engines of TensorFlow's family, as their own converters would.

import { applyPass, pipeline } from '@espalier/compiler';
import {
  type AttrsOf,
  type ConstantNode,
  type Graph,
  type Node,
  type OpNode,
  opOf,
  parseScalar,
  rebuild,
  splitInputs,
  topologicalOrder,
} from '@espalier/ir';
import { compute } from './arithmetic.ts';
import { blockwise } from './blockwise.ts';
import type { PeerGraph, PeerTensor } from './peer-graph.ts';
import {
  createWriter,
  imageOrder,
  plainOrder,
  storedShape,
  type Value,
  type Writer,
} from './values.ts';

/** Why a network has no counterpart. */
export const unconvertible = (what: string): Error => new Error(`no conversion of ${what}`);

/** Compositions that have counterparts stay; batch norm is folded as every converter does. */
function prepared(graph: Graph): Graph {
  const kept = ['avgPool', 'depthToSpace', 'gelu', 'mean', 'resize'];
  const lowered = rebuild(graph, (node, inputs, b) => {
    if (node.kind !== 'op' || kept.includes(node.op)) return undefined;
    const op = opOf(node.op);
    return 'decompose' in op ? op.decompose(b, inputs, node.attrs) : undefined;
  });
  const passes = pipeline.filter(({ name }) => name !== 'lower-compositions');
  return blockwise(passes.reduce((current, pass) => applyPass(pass, current), lowered));
}

/**
 * The network in the other vocabulary.
 *
 * @throws {Error} saying which op has no counterpart
 */
export function toPeer(original: Graph): PeerGraph {
  const graph = prepared(original);
  const writer = createWriter();
  const values = new Map<Node, Value>();
  const inputs = graph.inputs.map((node): PeerTensor => {
    const { shape } = node.type;
    const order = imageOrder(shape.length);
    const tensor = { shape: storedShape(shape, order) };
    values.set(node, { tensor, shape, order });
    return tensor;
  });
  const find = (node: Node): Value => values.get(node) ?? constantValue(node as ConstantNode); // operands come first: it is one
  for (const node of topologicalOrder(graph)) {
    if (node.kind !== 'op') continue;
    const { own, extras } = splitInputs(node);
    const convert = conversions[node.op];
    const result =
      node.op === 'map'
        ? compute(writer, (node.attrs as AttrsOf<'map'>).expr, own.map(find), node.type.shape)
        : convert?.(writer, node, own, find);
    if (!result) throw unconvertible(node.op);
    const operands = [result, ...extras.map(find)];
    values.set(
      node,
      node.epilogue ? compute(writer, node.epilogue, operands, node.type.shape) : result,
    );
  }
  const outputs = graph.outputs.map(({ node }) => {
    const value = find(node);
    return writer.arrange(value, imageOrder(value.shape.length)).tensor;
  });
  return { inputs, outputs, ops: writer.ops };
}

function constantValue({ type: { shape, dtype }, value }: ConstantNode): Value {
  if (dtype === 'bool') throw unconvertible('a constant of truth values');
  // f32 and i32 are held in these arrays.
  const data = value.data as Float32Array | Int32Array;
  return { tensor: { shape, data }, shape, order: plainOrder(shape.length) };
}

type Conversion = (
  writer: Writer,
  node: OpNode,
  own: readonly Node[],
  find: (node: Node) => Value,
) => Value;

const nhwc = imageOrder(4);

/** A result of rank 4 with channels last. */
const image = (tensor: PeerTensor, { type }: OpNode): Value => ({
  tensor,
  shape: type.shape,
  order: nhwc,
});

const conv: Conversion = (writer, node, [x, w, bias], find) => {
  const { groups, stride, dilation, pads } = node.attrs as AttrsOf<'conv'>;
  const [o, i] = w!.type.shape as [number, number];
  const depthwise = groups > 1 && i === 1;
  const from = writer.arrange(find(x!), nhwc).tensor;
  const weights = writer.arrange(find(w!), depthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]).tensor;
  const operands = [from, weights, find(bias!).tensor];
  const shape = storedShape(node.type.shape, nhwc);
  const window = { stride, dilation, pads };
  const attrs = depthwise
    ? ({ kind: 'depthwise', multiplier: o / groups, ...window } as const)
    : ({ kind: 'conv', ...window } as const);
  return image(writer.emit(attrs, operands, shape), node);
};

const pool =
  (kind: 'maxPool' | 'avgPool'): Conversion =>
  (writer, node, [x], find) => {
    const attrs = node.attrs as AttrsOf<'avgPool'>; // a max pool has all of them but one
    const { kernel, stride, dilation, pads } = attrs;
    if (dilation.some((gap) => gap !== 1)) throw unconvertible('a dilated pool');
    if (kind === 'avgPool' && attrs.countPads && pads.some((pad) => pad > 0))
      throw unconvertible('an average over padding');
    const from = writer.arrange(find(x!), nhwc).tensor;
    const shape = storedShape(node.type.shape, nhwc);
    return image(writer.emit({ kind, kernel, stride, dilation, pads }, [from], shape), node);
  };

const linear: Conversion = (writer, node, [x, w, bias], find) => {
  const value = find(x!);
  const last = value.shape.length - 1;
  const from = value.order.at(-1) === last ? value : writer.arrange(value, plainOrder(last + 1));
  const shape = storedShape(node.type.shape, from.order);
  const operands = [from.tensor, find(w!).tensor, find(bias!).tensor];
  const tensor = writer.emit({ kind: 'fullyConnected' }, operands, shape);
  return { tensor, shape: node.type.shape, order: from.order };
};

const matmul: Conversion = (writer, node, own, find) => {
  const sides = own.map((operand) => {
    const value = find(operand);
    const plain = plainOrder(value.shape.length);
    const swapped = [...plain.slice(0, -2), plain.length - 1, plain.length - 2];
    const adjoint = value.order.every((axis, i) => axis === swapped[i]);
    return { adjoint, tensor: adjoint ? value.tensor : writer.arrange(value, plain).tensor };
  });
  const [a, b] = sides as [(typeof sides)[0], (typeof sides)[0]];
  const { shape } = node.type;
  const attrs = { kind: 'batchMatmul', adjX: a.adjoint, adjY: b.adjoint } as const;
  const tensor = writer.emit(attrs, [a.tensor, b.tensor], shape);
  return { tensor, shape, order: plainOrder(shape.length) };
};

/** `kind` over axes of a value. */
function folded(
  writer: Writer,
  kind: 'mean' | 'sum' | 'reduceMax',
  value: Value,
  axes: readonly number[],
  shape: readonly number[],
): Value {
  const order = value.order;
  const places = axes.map((axis) => order.indexOf(axis)).sort((a, b) => a - b);
  const kept = value.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const attrs = { kind, axes: places } as const;
  const tensor = writer.emit(attrs, [value.tensor], storedShape(kept, order));
  return writer.reshape({ tensor, shape: kept, order }, shape);
}

const conversions: Readonly<Record<string, Conversion>> = {
  conv,
  linear,
  matmul,
  maxPool: pool('maxPool'),
  avgPool: pool('avgPool'),

  mean: (writer, node, [x], find) =>
    folded(writer, 'mean', find(x!), (node.attrs as AttrsOf<'mean'>).axes, node.type.shape),

  reduce(writer, node, [x], find) {
    const { kind, axes } = node.attrs as AttrsOf<'reduce'>;
    if (kind !== 'sum' && kind !== 'max') throw unconvertible(`reduce to the ${kind}`);
    const to = kind === 'sum' ? 'sum' : 'reduceMax';
    return folded(writer, to, find(x!), axes, node.type.shape);
  },

  gelu(writer, node, [x], find) {
    if ((node.attrs as AttrsOf<'gelu'>).approximate !== 'none') throw unconvertible('tanh GELU');
    const value = find(x!);
    return { ...value, tensor: writer.emit({ kind: 'gelu' }, [value.tensor], value.tensor.shape) };
  },

  softmax(writer, node, [x], find) {
    const { axis } = node.attrs as AttrsOf<'softmax'>;
    const value = find(x!);
    const order = [...value.order.filter((each) => each !== axis), axis];
    const from = writer.arrange(value, order);
    return { ...from, tensor: writer.emit({ kind: 'softmax' }, [from.tensor], from.tensor.shape) };
  },

  layerNorm(writer, node, [x, scale, bias], find) {
    const { axis, epsilon } = node.attrs as AttrsOf<'layerNorm'>;
    const value = find(x!);
    const { shape } = value;
    const axes = plainOrder(shape.length).slice(axis);
    const kept = shape.map((extent, a) => (axes.includes(a) ? 1 : extent));
    const mean = folded(writer, 'mean', value, axes, kept);
    const centred = compute(writer, parseScalar('a0 - a1'), [value, mean], shape);
    const squares = compute(writer, parseScalar('a0 * a0'), [centred], shape);
    const variance = folded(writer, 'mean', squares, axes, kept);
    const factor = compute(writer, parseScalar(`1 / sqrt(a0 + ${epsilon})`), [variance], kept);
    const operands = [centred, factor, find(scale!), find(bias!)];
    return compute(writer, parseScalar('a0 * a1 * a2 + a3'), operands, shape);
  },

  transpose(_, node, [x], find) {
    const { perm } = node.attrs as AttrsOf<'transpose'>;
    const { tensor, order } = find(x!);
    return { tensor, shape: node.type.shape, order: order.map((axis) => perm.indexOf(axis)) };
  },

  reshape: (writer, node, [x], find) => writer.reshape(find(x!), node.type.shape),

  slice(writer, node, [x], find) {
    const { starts, steps } = node.attrs as AttrsOf<'slice'>;
    if (steps.some((step) => step !== 1)) throw unconvertible('a slice with steps');
    const { tensor, order } = find(x!);
    const { shape } = node.type;
    const attrs = { kind: 'slice', starts: storedShape(starts, order) } as const;
    return { tensor: writer.emit(attrs, [tensor], storedShape(shape, order)), shape, order };
  },

  concat(writer, node, own, find) {
    const { axis } = node.attrs as AttrsOf<'concat'>;
    const { shape } = node.type;
    const { order } = own.map(find).find(({ tensor }) => !tensor.data) ?? find(own[0]!);
    const parts = own.map((part) => writer.arrange(find(part), order).tensor);
    const attrs = { kind: 'concat', axis: order.indexOf(axis) } as const;
    return { tensor: writer.emit(attrs, parts, storedShape(shape, order)), shape, order };
  },

  pad(writer, node, [x], find) {
    const { before, after, value: fill } = node.attrs as AttrsOf<'pad'>;
    const { tensor, order } = find(x!);
    const { shape } = node.type;
    const margins = { before: storedShape(before, order), after: storedShape(after, order) };
    const attrs = { kind: 'pad', ...margins, value: fill } as const;
    return { tensor: writer.emit(attrs, [tensor], storedShape(shape, order)), shape, order };
  },

  resize(writer, node, [x], find) {
    const { mode, axes, coordinates } = node.attrs as AttrsOf<'resize'>;
    const spatial = axes.every(({ axis }) => axis >= 2) && node.type.shape.length === 4;
    const centred = coordinates === 'half_pixel' || coordinates === 'pytorch_half_pixel';
    const whole = axes.every(({ scale }) => Number.isInteger(scale));
    const fits = mode === 'nearest' ? whole : mode === 'linear' && centred;
    if (!spatial || !fits) throw unconvertible(`a resize by ${mode}, ${coordinates}`);
    const from = writer.arrange(find(x!), nhwc).tensor;
    const kind = mode === 'nearest' ? 'resizeNearest' : 'resizeBilinear';
    return image(writer.emit({ kind }, [from], storedShape(node.type.shape, nhwc)), node);
  },

  depthToSpace(writer, node, [x], find) {
    const { block, mode } = node.attrs as AttrsOf<'depthToSpace'>;
    if (mode !== 'DCR') throw unconvertible('a pixel shuffle whose channels cannot be reordered');
    const from = writer.arrange(find(x!), nhwc).tensor;
    const attrs = { kind: 'depthToSpace', block } as const;
    return image(writer.emit(attrs, [from], storedShape(node.type.shape, nhwc)), node);
  },
};
