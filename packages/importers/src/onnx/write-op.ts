// The graph's primitives as ONNX nodes.

import {
  type AttrsOf,
  elementCount,
  inferOp,
  type OpName,
  type OpNode,
  splitInputs,
} from '@espalier/ir';
import { notInOnnx } from '../errors.ts';
import type { AttributeValue, Writer, Written } from './write.ts';
import { writeScalar } from './write-scalar.ts';

/** Writes the op of a node, its epilogue left out, over written operands. */
type OpWriter<K extends OpName> = (
  operands: readonly Written[],
  attrs: AttrsOf<K>,
  type: Written['type'],
  writer: Writer,
) => Written;

/** Attributes of sliding windows that ONNX and the graph share. */
const sliding = ({
  stride,
  dilation,
  pads,
}: {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: readonly number[];
}) => ({ strides: stride, dilations: dilation, pads });

/** A sum over windows is a convolution of each channel with ones, or an average times its size. */
const sumPool: OpWriter<'sumPool'> = ([x], { kernel, ...window }, type, writer) => {
  const channels = x!.type.shape[1]!;
  const shape = [channels, 1, ...kernel];
  const ones = new Float32Array(elementCount(shape)).fill(1);
  const w = writer.constant({ type: { dtype: 'f32', shape }, data: ones });
  return writer.add('Conv', [x!, w], type, { ...sliding(window), group: channels });
};

/** ONNX Runtime refuses padding as wide as the window: then it is a node of its own. */
const maxPool: OpWriter<'maxPool'> = ([x], { kernel, ...window }, type, writer) => {
  const { pads } = window;
  if (pads.every((pad, i) => pad < kernel[i % 2]!))
    return writer.add('MaxPool', [x!], type, { ...sliding(window), kernel_shape: kernel });
  const [n, c, h, w] = x!.type.shape as [number, number, number, number]; // its inference
  const [top, left, bottom, right] = pads;
  const shape = [n, c, h + top + bottom, w + left + right];
  const around = writer.ints([0, 0, top, left, 0, 0, bottom, right]);
  const lowest = writer.number(Number.NEGATIVE_INFINITY, 'f32');
  const padded = writer.add('Pad', [x!, around, lowest], { ...type, shape });
  const inside = { ...sliding(window), pads: [0, 0, 0, 0], kernel_shape: kernel };
  return writer.add('MaxPool', [padded], type, inside);
};

const linear: OpWriter<'linear'> = ([x, w, bias], _, type, writer) => {
  if (x!.type.shape.length === 2) return writer.add('Gemm', [x!, w!, bias!], type, { transB: 1 });
  const [o, k] = w!.type.shape as [number, number]; // its inference
  const columns = writer.add('Transpose', [w!], { ...w!.type, shape: [k, o] }, { perm: [1, 0] });
  return writer.add('Add', [writer.add('MatMul', [x!, columns], type), bias!], type);
};

/** ONNX gives all of its reductions but the sum their axes as an attribute in this opset. */
const reduce: OpWriter<'reduce'> = ([x], { kind, axes, keepDims }, type, writer) => {
  const keepdims = Number(keepDims);
  if (kind === 'sum') return writer.add('ReduceSum', [x!, writer.ints(axes)], type, { keepdims });
  const op = { max: 'ReduceMax', min: 'ReduceMin', prod: 'ReduceProd' }[kind];
  return writer.add(op, [x!], type, { axes, keepdims });
};

/** Gathers every tap beside its output, weighs them, and adds them up. */
const resample: OpWriter<'resample'> = ([x, indices, weights], { axis }, type, writer) => {
  const [out, taps] = indices!.type.shape as [number, number]; // its inference
  const { shape } = x!.type;
  const gathered = { ...type, shape: shape.toSpliced(axis, 1, out, taps) };
  const elements = writer.add('Gather', [x!, indices!], gathered, { axis });
  const wide = [out, taps, ...shape.slice(axis + 1).fill(1)];
  const factors = writer.add('Reshape', [weights!, writer.ints(wide)], { ...type, shape: wide });
  const weighed = writer.add('Mul', [elements, factors], gathered);
  return writer.add('ReduceSum', [weighed, writer.ints([axis + 1])], type, { keepdims: 0 });
};

const slice: OpWriter<'slice'> = ([x], { starts, sizes, steps }, type, writer) => {
  // Going down, the end after index 0 is written as far below every index.
  const ends = starts.map((start, axis) => {
    const end = start + sizes[axis]! * steps[axis]!;
    return end < 0 ? -(2 ** 31) : end;
  });
  const axes = starts.map((_, axis) => axis);
  const lists = [starts, ends, axes, steps].map((list) => writer.ints(list));
  return writer.add('Slice', [x!, ...lists], type);
};

const int64 = 7;
const int32 = 6;

/** ONNX gives indices as int64. */
const argReduce: OpWriter<'argReduce'> = ([x], { kind, axis, keepDims, pick }, type, writer) => {
  const found = writer.add({ max: 'ArgMax', min: 'ArgMin' }[kind], [x!], type, {
    axis,
    keepdims: Number(keepDims),
    select_last_index: Number(pick === 'last'),
  });
  return writer.add('Cast', [found], type, { to: int32 });
};

const topK: OpWriter<'topK'> = ([x], { axis, k, largest }, type, writer) => {
  const attributes = { axis, largest: Number(largest), sorted: 1 };
  const indices = writer.add('TopK', [x!, writer.ints([k])], type, attributes, 1);
  return writer.add('Cast', [indices], type, { to: int32 });
};

/** Indices must lie inside the axis there; extremes came with a later opset. */
const scatter: OpWriter<'scatter'> = ([x, indices, updates], { kind }, type, writer) => {
  if (kind === 'max' || kind === 'min') throw notInOnnx(`scatter of the ${kind}`);
  const column = { ...indices!.type, shape: [...indices!.type.shape, 1] };
  const wide = writer.add('Cast', [indices!], indices!.type, { to: int64 });
  const places = writer.add('Reshape', [wide, writer.ints(column.shape)], column, { allowzero: 1 });
  const reduction = kind === 'set' ? 'none' : kind;
  return writer.add('ScatterND', [x!, places, updates!], type, { reduction });
};

const writers: { readonly [K in OpName]?: OpWriter<K> } = {
  map: (operands, { expr }, _, writer) => writeScalar(expr, operands, writer),
  conv: (operands, { groups, ...window }, type, writer) =>
    writer.add('Conv', operands, type, { ...sliding(window), group: groups }),
  /** Its weights are bytes there, and it has no bias. */
  convInteger([x, w, bias], { groups, zero, ...window }, type, writer) {
    const weights = writer.add('Cast', [w!], w!.type, { to: 3 });
    const sums = writer.add('ConvInteger', [x!, weights, writer.number(zero, 'u8')], type, {
      ...sliding(window),
      group: groups,
    });
    const column = { ...bias!.type, shape: [type.shape[1]!, 1, 1] };
    const added = writer.add('Reshape', [bias!, writer.ints(column.shape)], column);
    return writer.add('Add', [sums, added], type);
  },
  convTranspose: (operands, { groups, outputPadding, ...window }, type, writer) =>
    writer.add('ConvTranspose', operands, type, {
      ...sliding(window),
      output_padding: outputPadding,
      group: groups,
    }),
  matmul: (operands, _, type, writer) => writer.add('MatMul', operands, type),
  linear,
  maxPool,
  sumPool,
  reduce,
  softmax: (operands, { axis }, type, writer) => writer.add('Softmax', operands, type, { axis }),
  layerNorm(operands, { axis, epsilon }, type, writer) {
    const attributes: Record<string, AttributeValue> = { axis, epsilon: { float: epsilon } };
    return writer.add('LayerNormalization', operands, type, attributes);
  },
  argReduce,
  topK,
  scatter,
  cumSum: ([x], { axis, exclusive, reverse }, type, writer) =>
    writer.add('CumSum', [x!, writer.number(axis, 'i32')], type, {
      exclusive: Number(exclusive),
      reverse: Number(reverse),
    }),
  resample,
  gather: (operands, { axis }, type, writer) => writer.add('Gather', operands, type, { axis }),
  transpose: (operands, { perm }, type, writer) =>
    writer.add('Transpose', operands, type, { perm }),
  reshape: ([x], { shape }, type, writer) =>
    writer.add('Reshape', [x!, writer.ints(shape)], type, { allowzero: 1 }),
  slice,
  concat: (operands, { axis }, type, writer) => writer.add('Concat', operands, type, { axis }),
  pad: ([x], { before, after, value }, type, writer) => {
    const around = writer.ints([...before, ...after]);
    return writer.add('Pad', [x!, around, writer.number(value, type.dtype)], type);
  },
  expand: ([x], { shape }, type, writer) => writer.add('Expand', [x!, writer.ints(shape)], type),
};

/** Writes the op of a node, its epilogue left out. */
export function writeOp(node: OpNode, operands: readonly Written[], writer: Writer): Written {
  const write = writers[node.op] as OpWriter<OpName> | undefined; // keyed by the op itself
  if (!write) throw notInOnnx(node.op);
  const inputs = splitInputs(node).own.map(({ type }) => type);
  const type = node.epilogue ? inferOp(node.op, inputs, node.attrs) : node.type;
  return write(operands, node.attrs as AttrsOf<OpName>, type, writer);
}
