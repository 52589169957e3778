// Writes a network as a TFLite file. Numbers are those of TensorFlow's schema.fbs.

import {
  type Field,
  type WrittenOperator,
  type WrittenTensor,
  writeTflite,
} from '../../../test/support/write-tflite.ts';
import {
  type Activation,
  fuseActivations,
  type PeerGraph,
  type PeerOp,
  type PeerTensor,
  type Window,
} from './peer-graph.ts';
import { isSamePadded, padBefore } from './windows.ts';

/** What stands in the file for an op: BuiltinOperator, BuiltinOptions and its fields. */
interface Written {
  readonly builtin: number;
  readonly options?: number;
  readonly fields?: readonly Field[];
  /** Operands behind those of the op: axes, shapes, margins. */
  readonly extra?: readonly (readonly number[])[];
}

const activations = { relu: 1, relu6: 3 } as const;

const fusedInto: readonly string[] = [
  'conv',
  'depthwise',
  'fullyConnected',
  'add',
  'sub',
  'mul',
  'div',
];

const accepts = ({ attrs }: PeerOp, { kind }: Activation): boolean =>
  kind in activations && fusedInto.includes(attrs.kind);

const activationCode = ({ activation }: PeerOp): number =>
  // `accepts` let no other pass.
  activation ? activations[activation.kind as keyof typeof activations] : 0;

const unary: Readonly<Record<string, Written>> = {
  abs: { builtin: 101 },
  elu: { builtin: 111 },
  exp: { builtin: 47 },
  gelu: { builtin: 150, options: 116, fields: [[0, 'bool', false]] },
  hardSwish: { builtin: 117 },
  log: { builtin: 73 },
  neg: { builtin: 59 },
  relu: { builtin: 19 },
  relu6: { builtin: 21 },
  rsqrt: { builtin: 76 },
  sigmoid: { builtin: 14 },
  sqrt: { builtin: 75 },
  square: { builtin: 92 },
  tanh: { builtin: 28 },
  max: { builtin: 55 },
  min: { builtin: 57 },
  softmax: { builtin: 25, options: 9, fields: [[0, 'f32', 1]] },
};

const arithmetic: Readonly<Record<string, readonly [builtin: number, options: number]>> = {
  add: [0, 11],
  mul: [18, 21],
  sub: [41, 28],
  div: [42, 29],
};

const folds = { mean: 40, sum: 74, reduceMax: 82 } as const;

const paddingCode = (same: boolean): Field => [0, 'i8', same ? 0 : 1];

const strides = ({ stride: [rows, columns] }: Window): Field[] => [
  [1, 'i32', columns],
  [2, 'i32', rows],
];

/** One op whose padding, if it has any, is either all of SAME or none. */
function written(op: PeerOp): Written {
  const { attrs, inputs, output } = op;
  const fused = (slot: number): Field => [slot, 'i8', activationCode(op)];
  switch (attrs.kind) {
    case 'conv':
    case 'depthwise': {
      const depthwise = attrs.kind === 'depthwise';
      const [rows, columns] = attrs.dilation;
      const at = depthwise ? 4 : 3;
      const fields: Field[] = [
        paddingCode(isSamePadded(op)),
        ...strides(attrs),
        ...(depthwise ? ([[3, 'i32', attrs.multiplier]] as const) : []),
        fused(at),
        [at + 1, 'i32', columns],
        [at + 2, 'i32', rows],
      ];
      return { builtin: depthwise ? 4 : 3, options: depthwise ? 2 : 1, fields };
    }
    case 'maxPool':
    case 'avgPool': {
      const [rows, columns] = attrs.kernel;
      const size: Field[] = [
        [3, 'i32', columns],
        [4, 'i32', rows],
      ];
      const fields = [paddingCode(isSamePadded(op)), ...strides(attrs), ...size];
      return { builtin: attrs.kind === 'maxPool' ? 17 : 1, options: 5, fields };
    }
    case 'fullyConnected':
      return {
        builtin: 9,
        options: 8,
        fields: [fused(0), [2, 'bool', inputs[0]!.shape.length > 2]],
      };
    case 'add':
    case 'sub':
    case 'mul':
    case 'div': {
      const [builtin, options] = arithmetic[attrs.kind]!;
      return { builtin, options, fields: [fused(0)] };
    }
    case 'leakyRelu':
      return { builtin: 98, options: 75, fields: [[0, 'f32', attrs.alpha]] };
    case 'mean':
    case 'sum':
    case 'reduceMax': {
      const fields: Field[] = [[0, 'bool', true]];
      return { builtin: folds[attrs.kind], options: 27, fields, extra: [attrs.axes] };
    }
    case 'reshape':
      return { builtin: 22, extra: [output.shape] };
    case 'transpose':
      return { builtin: 39, extra: [attrs.perm] };
    case 'concat':
      return { builtin: 2, options: 10, fields: [[0, 'i32', attrs.axis]] };
    case 'slice':
      return { builtin: 65, extra: [attrs.starts, output.shape] };
    case 'batchMatmul': {
      const fields: Field[] = [
        [0, 'bool', attrs.adjX],
        [1, 'bool', attrs.adjY],
      ];
      return { builtin: 126, options: 101, fields };
    }
    case 'resizeNearest':
      return { builtin: 97, options: 74, fields: [], extra: [output.shape.slice(1, 3)] };
    case 'resizeBilinear': {
      const fields: Field[] = [[3, 'bool', true]];
      return { builtin: 23, options: 15, fields, extra: [output.shape.slice(1, 3)] };
    }
    case 'depthToSpace':
      return { builtin: 5, options: 94, fields: [[0, 'i32', attrs.block]] };
    case 'pad':
      return { builtin: attrs.value === 0 ? 34 : 60 };
    default:
      return unary[attrs.kind]!;
  }
}

/** DENSIFY, which says that a sparse tensor is read as if it were dense. */
const densify = { builtin: 124, options: 99 } as const;

/** A matrix `[O, …, K]` without its zeros, the last axis compressed. */
function compressed(shape: readonly number[], data: Float32Array): WrittenTensor {
  const columns = shape.at(-1)!;
  const segments = [0];
  const indices: number[] = [];
  const kept: number[] = [];
  for (let begin = 0; begin < data.length; begin += columns) {
    for (let column = 0; column < columns; column++) {
      const weight = data[begin + column]!;
      if (weight === 0) continue;
      indices.push(column);
      kept.push(weight);
    }
    segments.push(indices.length);
  }
  const outer = shape.slice(0, -1).map((size) => ({ size }));
  const order = shape.map((_, axis) => axis);
  const dimensions = [...outer, { segments, indices }];
  return { shape, data: Float32Array.from(kept), sparsity: { order, dimensions } };
}

/** The weights of a convolution of one position of which most are zero: those a kernel for sparse tensors exists for. */
function mostlyZeros({ attrs }: PeerOp, operand: number, { shape, data }: PeerTensor) {
  if (attrs.kind !== 'conv' || operand !== 1 || !(data instanceof Float32Array)) return undefined;
  const zeros = data.reduce((count, weight) => count + Number(weight === 0), 0);
  return shape[1]! * shape[2]! === 1 && zeros >= data.length / 2 ? data : undefined;
}

const weave = (a: readonly number[], b: readonly number[]) => a.flatMap((n, i) => [n, b[i]!]);

/** The bytes of a `.tflite` file. */
export function tflite(original: PeerGraph): Uint8Array {
  const graph = padBefore(fuseActivations(original, accepts), () => false);
  const tensors: WrittenTensor[] = [];
  const numbers = new Map<PeerTensor, number>();
  const numberOf = (tensor: PeerTensor): number => {
    const known = numbers.get(tensor);
    if (known !== undefined) return known;
    numbers.set(tensor, tensors.length);
    return tensors.push(tensor) - 1;
  };
  const integers = (shape: readonly number[], values: readonly number[]): number =>
    numberOf({ shape, data: Int32Array.from(values) });
  const operators = graph.ops.flatMap((op): WrittenOperator[] => {
    const { builtin, options = 0, fields = [], extra = [] } = written(op);
    const before: WrittenOperator[] = [];
    const inputs = op.inputs.map((tensor, operand) => {
      const { shape } = tensor;
      const zeros = mostlyZeros(op, operand, tensor);
      if (!zeros) return numberOf(tensor);
      const stored = tensors.push(compressed(shape, zeros)) - 1;
      const dense = numberOf({ shape });
      before.push({ ...densify, inputs: [stored], outputs: [dense] });
      return dense;
    });
    for (const values of extra) inputs.push(integers([values.length], values));
    if (op.attrs.kind === 'pad') {
      const { before, after, value } = op.attrs;
      inputs.push(integers([before.length, 2], weave(before, after)));
      if (value !== 0) inputs.push(numberOf({ shape: [1], data: Float32Array.of(value) }));
    }
    const version = versions[builtin] ?? 1;
    const outputs = [numberOf(op.output)];
    return [...before, { builtin, version, options, fields, inputs, outputs }];
  });
  const ports = { inputs: graph.inputs.map(numberOf), outputs: graph.outputs.map(numberOf) };
  return writeTflite({ tensors, operators, ...ports });
}

/** Operators of which the first version lacks what is written here: a product that keeps its rank. */
const versions: Readonly<Record<number, number>> = { 9: 5 };
